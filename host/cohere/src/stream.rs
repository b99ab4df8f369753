//! A streamed response.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use crate::assembly::Assembly;
use crate::call::Call;
use crate::error::Error;
use crate::events::{End, Events, Piece};
use crate::failure::Failure;
use crate::reply::Event;

/// Timeout of reading the rest of a response after its end, before its connection is closed.
const DRAIN_TIME: Duration = Duration::from_secs(1);

/// A response in progress. Dropping it before its end closes its connection, so that Cohere stops.
pub struct ChatStream {
    assembly: Assembly,
    /// `None` after the end, and after an error.
    source: Option<Source>,
}

/// Where the pieces come from.
pub(crate) struct Source {
    pub(crate) events: Events,
    pub(crate) call: Call,
    /// How long Cohere may say nothing.
    pub(crate) silence: Duration,
    pub(crate) deadline: Instant,
}

impl ChatStream {
    pub(crate) fn new(source: Source) -> Self {
        Self {
            assembly: Assembly::default(),
            source: Some(source),
        }
    }

    /// Waits for the next event. Returns `None` after [`Event::End`], and after an error.
    ///
    /// The future may be dropped and made anew: nothing is lost.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.assembly.next() {
                return Ok(Some(event));
            }
            let Some(source) = &mut self.source else {
                return Ok(None);
            };
            match source.next().await {
                Ok(ControlFlow::Continue(piece)) => {
                    if let Err(failure) = self.assembly.add(piece) {
                        return Err(self.fail(failure));
                    }
                }
                Ok(ControlFlow::Break(end)) => {
                    self.assembly.end(&end);
                    self.finish(end);
                }
                Err(failure) => return Err(self.fail(failure)),
            }
        }
    }

    fn fail(&mut self, failure: Failure) -> Error {
        match self.source.take() {
            Some(source) => source.call.failed(failure),
            None => failure.error,
        }
    }

    fn finish(&mut self, end: End) {
        if let Some(source) = self.source.take() {
            source.call.replied(end.usage, end.finish_reason, end.error);
            // After its response was read to the last byte, the connection can serve another call, often the next
            // of this conversation. The caller need not wait for that.
            tokio::spawn(timeout(DRAIN_TIME, source.events.drain()));
        }
    }
}

impl Source {
    async fn next(&mut self) -> Result<ControlFlow<End, Piece>, Failure> {
        let silence = Instant::now() + self.silence;
        let next = timeout_at(silence.min(self.deadline), self.events.next());
        next.await
            .unwrap_or_else(|_| Err(Failure::timeout("next piece of the answer")))
    }
}
