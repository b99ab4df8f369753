//! A session, and the statements that run on it.
//!
//! Everything runs in the caller's task: a connection has no task of its own. Messages are sent in one write before a
//! response is awaited, so a statement between `BEGIN` and `COMMIT` takes one round trip.
//!
//! Dropping a future of this module before its end leaves a response unread; [`Connection::is_busy`] reports this. Such
//! a connection can only [`close`](Connection::close).

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, BytesMut};
use postgres_protocol::message::frontend;
use postgres_types::{Oid, Type};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::cancel::CancelKey;
use crate::error::{Error, ServerMessage};
use crate::input::Input;
use crate::messages::Description;
use crate::parameters::Parameters;
use crate::rows::{Ignored, Rows};
use crate::startup;
use crate::statement::{Around, Column, Kept, Prepared, Query};
use crate::stream::Stream;
use crate::target::Target;
use crate::types;

/// The longest message of a connection that was not given a limit, in bytes.
const DEFAULT_LIMIT: u64 = 16 * 1024 * 1024;

/// Values are in the binary format, of parameters and of results.
const BINARY: i16 = 1;

/// The transaction status of the session, as the server last reported it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// In no transaction.
    Idle,
    /// In a transaction.
    InTransaction,
    /// In a transaction that was aborted.
    Aborted,
}

type NoticeHandler = Box<dyn FnMut(ServerMessage) + Send>;

/// A session.
pub struct Connection {
    pub(crate) stream: Stream,
    pub(crate) input: Input,
    pub(crate) output: BytesMut,
    /// The number of queued commands, whose responses precede that of the next statement.
    queued: usize,
    /// Whether the response to a statement is unread.
    is_busy: bool,
    pub(crate) status: Status,
    key: Option<CancelKey>,
    kept: Kept,
    prepared: u64,
    pub(crate) types: HashMap<Oid, Type>,
    pub(crate) limit: u64,
    pub(crate) on_notice: Option<NoticeHandler>,
}

impl Connection {
    /// Opens a session with `settings`, which `RESET ALL` restores. Has no timeout.
    ///
    /// # Errors
    ///
    /// If the server is unavailable, refuses, or violates the protocol.
    pub async fn open(target: &Target, settings: &[(&str, String)]) -> Result<Self, Error> {
        let (stream, input, key) = startup::start(target, settings).await?;
        Ok(Self {
            stream,
            input,
            output: BytesMut::new(),
            queued: 0,
            is_busy: false,
            status: Status::Idle,
            key,
            kept: Kept::new(),
            prepared: 0,
            types: HashMap::new(),
            limit: DEFAULT_LIMIT,
            on_notice: None,
        })
    }

    /// The key that cancels the session's statements.
    #[must_use]
    pub fn cancel_key(&self) -> Option<CancelKey> {
        self.key
    }

    /// Whether the response to a statement is unread, so that no other statement can be sent.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }

    /// Whether responses to queued commands are unread.
    #[must_use]
    pub fn has_queued(&self) -> bool {
        self.queued > 0
    }

    /// Where the session is, as far as its answers were read. A command that is queued has not changed it yet.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Sets the most bytes that a message of the server may have, rows included.
    pub fn set_limit(&mut self, bytes: u64) {
        self.limit = bytes;
    }

    /// Sets the handler of notices, which replaces the previous handler; without a handler, notices are
    /// ignored.
    pub fn set_notice_handler(&mut self, handler: Option<NoticeHandler>) {
        self.on_notice = handler;
    }

    /// Sends a command with the next statement. If the command is refused, the statement fails and the connection stays
    /// [busy](Self::is_busy).
    ///
    /// # Errors
    ///
    /// If the command contains NUL, which ends a text.
    pub fn queue(&mut self, sql: &str) -> Result<(), Error> {
        frontend::query(sql, &mut self.output)?;
        self.queued += 1;
        Ok(())
    }

    /// Calls a function of one text with the next statement, and ignores its result. The server neither parses nor plans
    /// anything for it.
    ///
    /// # Errors
    ///
    /// If the text has 2 GiB or more.
    pub fn queue_call(&mut self, function: Oid, argument: &str) -> Result<(), Error> {
        // Length, function, one format, one argument with its length, the format of the result.
        let length = 4 + 4 + 2 + 2 + 2 + 4 + argument.len() + 2;
        let out = &mut self.output;
        let (length, argument_length) = (message_length(length)?, message_length(argument.len())?);
        out.put_u8(b'F');
        out.put_i32(length);
        out.put_u32(function);
        out.put_i16(1);
        out.put_i16(BINARY);
        out.put_i16(1);
        out.put_i32(argument_length);
        out.put_slice(argument.as_bytes());
        out.put_i16(BINARY);
        self.queued += 1;
        Ok(())
    }

    /// Runs one or more statements without parameters, and ignores their rows.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn execute(&mut self, sql: &str) -> Result<(), Error> {
        self.query(sql, &mut Ignored).await.map(drop)
    }

    /// Runs one or more statements without parameters. Their rows come as text.
    ///
    /// # Errors
    ///
    /// See [`Error`]; or those of `rows`, after which the connection is [busy](Self::is_busy).
    pub async fn query<R: Rows>(&mut self, sql: &str, rows: &mut R) -> Result<u64, R::Error> {
        frontend::query(sql, &mut self.output).map_err(Error::from)?;
        self.round_trip(rows, None, 0).await
    }

    /// Prepares a statement whose parameters have the types with these numbers, 0 for a type that the server is to infer. A
    /// statement that is `kept` is prepared once.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn prepare(&mut self, sql: &str, types: &[Oid], kept: bool) -> Result<Arc<Prepared>, Error> {
        if kept && let Some(known) = self.kept.get(sql) {
            return Ok(known);
        }
        let name = if kept {
            self.prepared += 1;
            format!("berth_{}", self.prepared)
        } else {
            String::new()
        };
        frontend::parse(&name, sql, types.iter().copied(), &mut self.output)?;
        frontend::describe(b'S', &name, &mut self.output)?;
        frontend::sync(&mut self.output);
        let mut description = Description::default();
        self.round_trip(&mut Ignored, Some(&mut description), 0).await?;
        let mut columns = Vec::with_capacity(description.columns.len());
        for (name, oid) in description.columns {
            columns.push(Column {
                name,
                ty: types::resolve(self, oid, 0).await?,
            });
        }
        let prepared = Arc::new(Prepared {
            unnamed: name.is_empty().then(|| (sql.to_owned(), types.to_vec())),
            name,
            parameters: description.parameters,
            columns,
        });
        if kept && let Some(evicted) = self.kept.insert(sql, Arc::clone(&prepared)) {
            frontend::close(b'S', &evicted.name, &mut self.output)?;
        }
        Ok(prepared)
    }

    /// Runs a prepared statement. Returns the number of rows that the statement affected.
    ///
    /// In the same round trip run the query `before`, in the statement's transaction, and the command `after`, whether
    /// or not the statement succeeds. If the query fails, the server does not run the statement.
    ///
    /// # Errors
    ///
    /// See [`Error`]; or those of `rows`, after which the connection is [busy](Self::is_busy).
    pub async fn run<R: Rows>(
        &mut self,
        statement: &Prepared,
        parameters: &Parameters,
        around: Around<'_>,
        rows: &mut R,
    ) -> Result<u64, R::Error> {
        let Around { before, after } = around;
        if let Some(query) = before {
            self.write_query(query)?;
            // The query has taken the place of a statement without a name.
            if let Some((sql, types)) = &statement.unnamed {
                frontend::parse("", sql, types.iter().copied(), &mut self.output).map_err(Error::from)?;
            }
        }
        self.bind(&statement.name, parameters)?;
        frontend::execute("", 0, &mut self.output).map_err(Error::from)?;
        frontend::sync(&mut self.output);
        let leading = usize::from(before.is_some());
        let Some(after) = after else {
            return self.round_trip(rows, None, leading).await;
        };
        frontend::query(after, &mut self.output).map_err(Error::from)?;
        let result = self.round_trip(rows, None, leading).await;
        if self.is_busy {
            return result;
        }
        self.is_busy = true;
        let ended = self.answer(&mut Ignored, &mut None, 0).await?;
        self.is_busy = false;
        let affected = result?;
        ended.map_err(|refusal| R::Error::from(Error::Server(refusal)))?;
        Ok(affected)
    }

    /// Writes a query that is not prepared by name: the session's prepared statements cannot replace it.
    fn write_query(&mut self, query: &Query) -> Result<(), Error> {
        let types = query.types.iter().copied();
        frontend::parse("", query.sql, types, &mut self.output)?;
        self.bind("", &query.parameters)?;
        frontend::execute("", 0, &mut self.output)?;
        Ok(())
    }

    /// Writes the message by hand, since the parameters are encoded already.
    fn bind(&mut self, statement: &str, parameters: &Parameters) -> Result<(), Error> {
        let name = statement.as_bytes();
        // Portal, statement, one format, the count of parameters, the parameters, one format.
        let length = 4 + 1 + name.len() + 1 + 4 + 2 + parameters.bytes().len() + 4;
        let length = message_length(length)?;
        let out = &mut self.output;
        out.put_u8(b'B');
        out.put_i32(length);
        out.put_u8(0);
        out.put_slice(name);
        out.put_u8(0);
        out.put_i16(1);
        out.put_i16(BINARY);
        out.put_u16(parameters.count());
        out.put_slice(parameters.bytes());
        out.put_i16(1);
        out.put_i16(BINARY);
        Ok(())
    }

    /// Removes the kept statements, here and on the server, because a table that they read was altered.
    ///
    /// # Errors
    ///
    /// If a name cannot be sent, which the names that this client makes can.
    pub fn forget_statements(&mut self) -> Result<(), Error> {
        for statement in self.kept.take() {
            frontend::close(b'S', &statement.name, &mut self.output)?;
        }
        Ok(())
    }

    /// Removes the kept statements, which the server has dropped already.
    pub fn statements_were_dropped(&mut self) {
        drop(self.kept.take());
    }

    /// Sends queued bytes as far as the socket takes them at once. Returns whether all were sent.
    pub fn flush_now(&mut self) -> bool {
        let flushed = pin!(self.flush()).poll(&mut Context::from_waker(Waker::noop()));
        matches!(flushed, Poll::Ready(Ok(())))
    }

    /// Tells the server that the session ends, and waits until the server has closed the connection: then its process is
    /// gone. Answers that come meanwhile are thrown away. Takes as long as the server does, and can be called again.
    pub async fn close(&mut self) {
        if !self.is_busy {
            frontend::terminate(&mut self.output);
        }
        self.is_busy = true;
        // A message that was sent in part cannot be followed by another; the end of the stream ends the session as well.
        let _ = self.flush().await;
        let _ = self.stream.shutdown().await;
        let mut thrown_away = [0; 4096];
        while self
            .stream
            .read(&mut thrown_away)
            .await
            .is_ok_and(|bytes| bytes > 0)
        {}
    }

    /// Sends the written messages, and reads the responses to the queued commands and to one statement, after `leading`
    /// queries in the statement's batch.
    async fn round_trip<R: Rows>(
        &mut self,
        rows: &mut R,
        mut description: Option<&mut Description>,
        leading: usize,
    ) -> Result<u64, R::Error> {
        self.is_busy = true;
        self.flush().await?;
        let refused_before = self.queued_answers().await?;
        let answer = self.answer(rows, &mut description, leading).await?;
        // After a refused command the session is in another state than the caller believes.
        self.is_busy = refused_before.is_some();
        self.input.shrink();
        match (refused_before, answer) {
            (Some(refusal), _) | (None, Err(refusal)) => Err(Error::Server(refusal).into()),
            (None, Ok(affected)) => Ok(affected),
        }
    }

    /// Reads the responses to the queued commands. Returns the first refusal.
    async fn queued_answers(&mut self) -> Result<Option<Box<ServerMessage>>, Error> {
        let mut first = None;
        while self.queued > 0 {
            let answer = self.answer(&mut Ignored, &mut None, 0).await?;
            self.queued -= 1;
            first = first.or(answer.err());
        }
        Ok(first)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut stream = Pin::new(&mut self.stream);
        while !self.output.is_empty() {
            match stream.as_mut().poll_write(context, &self.output) {
                Poll::Ready(Ok(written)) => drop(self.output.split_to(written)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => return Poll::Pending,
            }
        }
        stream.poll_flush(context).map_err(Error::from)
    }
}

/// The length of a message or a value, as the protocol writes it.
fn message_length(length: usize) -> Result<i32, Error> {
    i32::try_from(length).map_err(|_| Error::protocol("the parameters have 2 GiB or more"))
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
