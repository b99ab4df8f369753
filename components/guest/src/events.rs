//! Server-sent events: a response that the client reads while it is made.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use crate::{Error, Response, Unfinished, Writer};

/// Where a handler tells its events. Each is on its way to the client before the next is made.
pub struct Events<'a>(&'a Writer);

/// Why there are no more events to tell.
#[derive(Debug)]
pub enum Stop {
    /// The client has gone.
    Gone(Unfinished),
    /// Something failed that the client is to hear of.
    Failed(Error),
}

impl From<Unfinished> for Stop {
    fn from(unfinished: Unfinished) -> Self {
        Self::Gone(unfinished)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Response {
    /// A stream of events that `produce` tells. A failure becomes the last of them, named `error`, with the body that
    /// it would have had as a response. `context` names the request in the log.
    pub fn events(
        context: &'static str,
        produce: impl FnOnce(&Events) -> Result<(), Stop> + 'static,
    ) -> Self {
        let response = Self::stream(200, "text/event-stream", move |writer| {
            let events = Events(writer);
            match produce(&events) {
                Ok(()) => Ok(()),
                Err(Stop::Gone(unfinished)) => Err(unfinished),
                Err(Stop::Failed(error)) => events.tell("error", error.into_body(context)),
            }
        });
        // nginx, in front of many a service, would keep events back until it has a buffer full of them.
        response.header("cache-control", "no-cache").header("x-accel-buffering", "no")
    }
}

impl Events<'_> {
    /// Tells an event. Fails when the client has gone: nothing more is worth doing then.
    pub fn tell(&self, name: &str, data: impl AsRef<[u8]>) -> Result<(), Unfinished> {
        self.0.write(&encode(name, data.as_ref()))?;
        self.0.flush()
    }
}

/// Data of several lines is sent as such; the client puts them together again.
fn encode(name: &str, data: &[u8]) -> Vec<u8> {
    let mut event = format!("event: {name}\n").into_bytes();
    for line in data.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_a_name_and_a_line_for_each_line_of_its_data() {
        assert_eq!(encode("token", br#"{"text":"Hi"}"#), b"event: token\ndata: {\"text\":\"Hi\"}\n\n");
        assert_eq!(encode("note", b"one\ntwo"), b"event: note\ndata: one\ndata: two\n\n");
    }
}
