//! Server-sent events: a response that the client reads while the handler makes it.
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>

use crate::{Error, Response, Unfinished, Writer};

/// The writer of a handler's events. Each event is sent before the handler makes the next: see [`Response::events`].
///
/// ```
/// use berth_sdk::{Events, Unfinished};
///
/// fn count(events: &Events) -> Result<(), Unfinished> {
///     (1..=3).try_for_each(|number: u32| events.send("number", number.to_string()))
/// }
/// ```
pub struct Events<'a>(&'a Writer);

/// The reason why a stream of events ends early. `?` makes it of an [`Unfinished`] and of an [`Error`].
///
/// ```
/// use berth_sdk::events::Stop;
/// use berth_sdk::{Error, Events, log};
///
/// fn count(events: &Events) -> Result<(), Stop> {
///     for number in 1..=3_u32 {
///         if number > 2 {
///             return Err(Error::refused(400, "That is too far").into());
///         }
///         events.send("number", number.to_string())?;
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub enum Stop {
    /// The client has disconnected.
    Gone(Unfinished),
    /// A failure that is reported to the client.
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
    /// A stream of events that `produce` sends. A failure becomes the last event, named `error`, with the body that the
    /// failure has as a response. `context` names the request in the log.
    ///
    /// ```
    /// use berth_sdk::{Error, Principal, Request, Response};
    ///
    /// fn count(_: &Principal, _: &Request) -> Result<Response, Error> {
    ///     Ok(Response::events("count", |events| {
    ///         for number in 1..=3 {
    ///             events.send("number", number.to_string())?;
    ///         }
    ///         Ok(())
    ///     }))
    /// }
    /// # use berth_sdk::{Route, Routes};
    /// # use berth_sdk::testing::{Call, Host};
    /// # const ROUTES: Routes = Routes::new(&[Route::at("/").get(count)]);
    /// # let answer = Host::new().with_user("ann").call(&ROUTES, Call::get("/"));
    /// # assert!(answer.text().ends_with("event: number\ndata: 3\n\n"));
    /// ```
    pub fn events(
        context: &'static str,
        produce: impl FnOnce(&Events) -> Result<(), Stop> + 'static,
    ) -> Self {
        let response = Self::stream(200, "text/event-stream", move |writer| {
            let events = Events(writer);
            match produce(&events) {
                Ok(()) => Ok(()),
                Err(Stop::Gone(unfinished)) => Err(unfinished),
                Err(Stop::Failed(error)) => events.send("error", error.into_body(context)),
            }
        });
        // nginx would hold events back until a buffer is full.
        response
            .with_header("cache-control", "no-cache")
            .with_header("x-accel-buffering", "no")
    }
}

impl Events<'_> {
    /// Sends an event. Fails when the client has disconnected, so that the handler can stop.
    ///
    /// ```
    /// # use berth_sdk::{Events, Unfinished};
    /// fn greet(events: &Events) -> Result<(), Unfinished> {
    ///     events.send("greeting", r#"{"text":"Hi"}"#)
    /// }
    /// ```
    pub fn send(&self, name: &str, data: impl AsRef<[u8]>) -> Result<(), Unfinished> {
        self.0.write(&encode(name, data.as_ref()))?;
        self.0.flush()
    }
}

/// Sends data of several lines as several `data` lines, which the client joins.
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
        assert_eq!(
            encode("token", br#"{"text":"Hi"}"#),
            b"event: token\ndata: {\"text\":\"Hi\"}\n\n"
        );
        assert_eq!(
            encode("note", b"one\ntwo"),
            b"event: note\ndata: one\ndata: two\n\n"
        );
    }
}
