//! From a socket to a session that is ready: the first message, and authentication.
//!
//! Source: <https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP>.

use bytes::BytesMut;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;
use tokio::io::AsyncWriteExt;

use crate::Error;
use crate::cancel::CancelKey;
use crate::error::Fields;
use crate::input::{Header, Input};
use crate::stream::Stream;
use crate::target::Target;

/// Settings that every session begins with. Poolers let them pass.
const SETTINGS: [(&str, &str); 3] = [
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("TimeZone", "UTC"),
];

/// Begins a session with `settings`, which are also those that `RESET ALL` goes back to.
pub(crate) async fn start(
    target: &Target,
    settings: &[(&str, String)],
) -> Result<(Stream, Input, Option<CancelKey>), Error> {
    let stream = Stream::connect(target).await?;
    let mut session = Starting {
        stream,
        input: Input::default(),
        target,
        scram: None,
    };
    session.greet(settings).await?;
    let key = session.authenticate().await?;
    Ok((session.stream, session.input, key))
}

struct Starting<'a> {
    stream: Stream,
    input: Input,
    target: &'a Target,
    /// An exchange of SCRAM-SHA-256 that is under way.
    scram: Option<ScramSha256>,
}

impl Starting<'_> {
    async fn greet(&mut self, settings: &[(&str, String)]) -> Result<(), Error> {
        let Target {
            user,
            database,
            application_name,
            options,
            ..
        } = self.target;
        let mut parameters = vec![("user", user.as_str())];
        let optional = [
            ("database", database),
            ("application_name", application_name),
            ("options", options),
        ];
        parameters.extend(
            optional
                .into_iter()
                .filter_map(|(name, value)| Some((name, value.as_deref()?))),
        );
        parameters.extend(SETTINGS);
        parameters.extend(settings.iter().map(|(name, value)| (*name, value.as_str())));
        let mut message = BytesMut::new();
        frontend::startup_message(parameters, &mut message)?;
        self.send(&message).await
    }

    /// Responds to the server's requests until the session is ready. Returns the key that cancels its
    /// statements.
    async fn authenticate(&mut self) -> Result<Option<CancelKey>, Error> {
        let mut key = None;
        loop {
            let Header { tag, length } = self.input.header(&mut self.stream).await?;
            let body = self.input.peek(&mut self.stream, length).await?.to_vec();
            self.input.consume(length);
            match tag {
                b'R' => self.answer(&body).await?,
                b'K' => key = CancelKey::read(&body),
                b'E' => {
                    let mut fields = Fields::default();
                    fields.feed(&body);
                    return Err(Error::Server(Box::new(fields.finish())));
                }
                b'Z' => return Ok(key),
                // Settings that the server reports, notices, and the version of the protocol.
                b'S' | b'N' | b'v' => {}
                other => {
                    return Err(Error::protocol(format!(
                        "message {other:#x} while the session begins"
                    )));
                }
            }
        }
    }

    /// Answers one request for authentication.
    async fn answer(&mut self, body: &[u8]) -> Result<(), Error> {
        let (kind, rest) = body
            .split_first_chunk()
            .ok_or_else(|| Error::protocol("an empty request"))?;
        let mut message = BytesMut::new();
        match u32::from_be_bytes(*kind) {
            0 => return Ok(()),
            3 => frontend::password_message(self.password()?.as_bytes(), &mut message)?,
            5 => {
                let salt = rest
                    .try_into()
                    .map_err(|_| Error::protocol("a salt that has not four bytes"))?;
                let hash = md5_hash(self.target.user.as_bytes(), self.password()?.as_bytes(), salt);
                frontend::password_message(hash.as_bytes(), &mut message)?;
            }
            10 => {
                if !rest
                    .split(|byte| *byte == 0)
                    .any(|mechanism| mechanism == SCRAM_SHA_256.as_bytes())
                {
                    return Err(Error::protocol(
                        "no mechanism of authentication that this client knows",
                    ));
                }
                let scram = ScramSha256::new(self.password()?.as_bytes(), ChannelBinding::unsupported());
                frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut message)?;
                self.scram = Some(scram);
            }
            11 => {
                let scram = self
                    .scram
                    .as_mut()
                    .ok_or_else(|| Error::protocol("SASL that was not begun"))?;
                scram.update(rest)?;
                frontend::sasl_response(scram.message(), &mut message)?;
            }
            12 => {
                let scram = self
                    .scram
                    .as_mut()
                    .ok_or_else(|| Error::protocol("SASL that was not begun"))?;
                scram.finish(rest)?;
                return Ok(());
            }
            other => {
                return Err(Error::protocol(format!(
                    "authentication method {other} is not supported"
                )));
            }
        }
        self.send(&message).await
    }

    fn password(&self) -> Result<&str, Error> {
        let password = self.target.password.as_deref();
        password.ok_or_else(|| Error::protocol("the server asks for a password, and none is configured"))
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Error> {
        self.stream.write_all(message).await?;
        Ok(self.stream.flush().await?)
    }
}
