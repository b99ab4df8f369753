//! The response to one statement: messages until the server is ready for the next statement, each within its
//! limit.

use std::borrow::Cow;

use postgres_protocol::message::frontend;

use crate::connection::{Connection, Status};
use crate::error::{Error, Fields, ServerMessage};
use crate::input::{Header, MAX_BUFFERED_BYTES};
use crate::messages::{Description, columns, count, rows_affected, short_row};
use crate::rows::Rows;

impl Connection {
    /// Reads messages until the server is ready for the next statement. The results of the first `leading` queries are
    /// skipped. The inner error is a refusal.
    pub(crate) async fn answer<R: Rows>(
        &mut self,
        rows: &mut R,
        description: &mut Option<&mut Description>,
        mut leading: usize,
    ) -> Result<Result<u64, Box<ServerMessage>>, R::Error> {
        let (mut affected, mut refusal) = (0, None);
        loop {
            let Header { tag, length } = self.input.header(&mut self.stream).await?;
            match tag {
                b'D' if leading == 0 && rows.wants_rows() => self.data_row(length, rows).await?,
                b'D' | b'd' => self.skip(length).await?,
                b'E' => {
                    let message = Box::new(self.server_message(length).await?);
                    if message.is_fatal() {
                        return Err(Error::Server(message).into());
                    }
                    refusal = Some(message);
                }
                b'N' => {
                    let notice = self.server_message(length).await?;
                    if let Some(handler) = &mut self.on_notice {
                        handler(notice);
                    }
                }
                b'Z' => {
                    self.status = match self.body(length).await? {
                        b"I" => Status::Idle,
                        b"T" => Status::InTransaction,
                        _ => Status::Aborted,
                    };
                    self.input.consume(length);
                    return Ok(refusal.map_or(Ok(affected), Err));
                }
                b'G' => {
                    self.skip(length).await?;
                    frontend::copy_fail("COPY FROM STDIN cannot cross", &mut self.output)
                        .map_err(Error::from)?;
                    self.flush().await?;
                }
                b'C' if leading > 0 => {
                    leading -= 1;
                    self.skip(length).await?;
                }
                b'C' => {
                    affected += rows_affected(self.body(length).await?);
                    self.input.consume(length);
                }
                b't' => {
                    let body = self.body(length).await?;
                    if let Some(description) = description {
                        description.parameters = count(body);
                    }
                    self.input.consume(length);
                }
                b'T' => {
                    let body = self.body(length).await?;
                    if let Some(description) = description {
                        description.columns =
                            columns(body).ok_or_else(|| Error::protocol("a malformed row description"))?;
                    }
                    self.input.consume(length);
                }
                // Completions, the result of a call, an empty statement, settings that are reported, notifications, COPY TO.
                b'1' | b'2' | b'3' | b'V' | b'I' | b'n' | b's' | b'S' | b'A' | b'H' | b'W' | b'c' | b'K' => {
                    self.skip(length).await?;
                }
                other => return Err(Error::protocol(format!("unexpected message {other:#x}")).into()),
            }
        }
    }

    /// A whole message that is known to be short.
    async fn body(&mut self, length: usize) -> Result<&[u8], Error> {
        self.input.peek(&mut self.stream, length).await
    }

    async fn skip(&mut self, length: usize) -> Result<(), Error> {
        self.check(length)?;
        self.input.each(&mut self.stream, length, |_| {}).await
    }

    fn check(&self, length: usize) -> Result<(), Error> {
        let (length, limit) = (length as u64, self.limit.max(MAX_BUFFERED_BYTES as u64));
        if length > limit {
            Err(Error::TooLong {
                length,
                limit: self.limit,
            })
        } else {
            Ok(())
        }
    }

    async fn server_message(&mut self, length: usize) -> Result<ServerMessage, Error> {
        self.check(length)?;
        let mut fields = Fields::default();
        self.input
            .each(&mut self.stream, length, |piece| fields.feed(piece))
            .await?;
        Ok(fields.finish())
    }

    /// Hands on the fields of one row: from the buffer if all of them are in it, else one after the other.
    async fn data_row<R: Rows>(&mut self, length: usize, rows: &mut R) -> Result<(), R::Error> {
        rows.row()?;
        if length > MAX_BUFFERED_BYTES {
            self.long_row(length, rows).await?;
        } else {
            let body = self.input.peek(&mut self.stream, length).await?;
            short_row(body, rows)?;
            self.input.consume(length);
        }
        rows.row_end()
    }

    async fn long_row<R: Rows>(&mut self, length: usize, rows: &mut R) -> Result<(), R::Error> {
        let malformed = || Error::protocol("a field is longer than its row");
        let fields = count(self.input.peek(&mut self.stream, 2).await?);
        self.input.consume(2);
        let mut left = length - 2;
        for column in 0..fields {
            left = left.checked_sub(4).ok_or_else(malformed)?;
            let length = self.input.int4(&mut self.stream).await?;
            let Ok(length) = usize::try_from(length) else {
                rows.field(column, None)?;
                continue;
            };
            left = left.checked_sub(length).ok_or_else(malformed)?;
            rows.admit(column, length)?;
            let value = self.input.take(&mut self.stream, length).await?;
            rows.field(column, Some(Cow::Owned(value)))?;
        }
        Ok(())
    }
}
