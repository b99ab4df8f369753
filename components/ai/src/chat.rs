//! `POST …/chat`: one turn of a conversation, answered as a whole or event by event.

use std::time::SystemTime;

use berth_sdk::cohere::{AssistantMessage, Message};
use berth_sdk::events::Stop;
use berth_sdk::{Error, Events, Principal, Request, Response};

use crate::answer::{self, Answer, Step};
use crate::conversations::not_found;
use crate::question::Question;
use crate::store::{self, NewMessage, Role, Stored};
use crate::turn::Turn;
use crate::{model, prompt, tasks};

/// The most messages of a conversation that the model gets, the user's new one included.
const HISTORY: i64 = 20;

/// The `context` of these requests' lines in the log.
const CONTEXT: &str = "chat";

/// The conversation to which the answer belongs.
struct Place {
    user: String,
    conversation: i64,
}

/// `POST …/chat`
pub(crate) fn chat(caller: &Principal, request: &Request) -> Result<Response, Error> {
    let question = Question::read(request.fields()?)?;
    let place = Place {
        user: caller.subject.clone(),
        conversation: store_question(caller, &question)?,
    };
    let messages = place.messages()?;
    if wants_events(request.header("accept").as_deref()) {
        tell(Turn::new(messages, model::streamed(), tasks::tools()), place)
    } else {
        answer(Turn::new(messages, model::whole(), tasks::tools()), &place)
    }
}

/// Stores the message before the model is asked, so that no failure loses the message.
fn store_question(caller: &Principal, question: &Question) -> Result<i64, Error> {
    let message = NewMessage {
        role: Role::User,
        content: &question.message,
        tool_calls: "[]",
    };
    let title = question.title();
    let statement = match question.conversation {
        Some(conversation) => store::append(&caller.subject, conversation, &title, message),
        None => store::begin(&caller.subject, &title, message),
    };
    let stored = store::stored(&statement)?.ok_or_else(not_found)?;
    Ok(stored.conversation)
}

/// Answers with the whole answer at once.
fn answer(mut turn: Turn, place: &Place) -> Result<Response, Error> {
    loop {
        if let Step::Done(answer) = take(&mut turn)? {
            let stored = place.store(&answer)?;
            return Ok(Response::json_text(200, answer.body(stored).to_string()));
        }
    }
}

/// Sends each step as an event. The first step runs before the response begins, so that a failure of it has its own
/// status.
fn tell(mut turn: Turn, place: Place) -> Result<Response, Error> {
    let mut step = take(&mut turn)?;
    Ok(Response::events(
        CONTEXT,
        move |events: &Events| -> Result<(), Stop> {
            loop {
                let (name, data) = answer::event(&step, |answer| place.store(answer))?;
                events.send(name, data.to_string())?;
                if matches!(step, Step::Done(_)) {
                    return Ok(());
                }
                step = take(&mut turn)?;
            }
        },
    ))
}

fn take(turn: &mut Turn) -> Result<Step, Error> {
    turn.step().map_err(|error| model::failure(&error))
}

impl Place {
    /// The messages for the model: the system prompt, and the end of the conversation.
    fn messages(&self) -> Result<Vec<Message>, Error> {
        let said = store::said(&store::history(&self.user, self.conversation, HISTORY))?;
        let system = Message::System(prompt::system(SystemTime::now()));
        Ok([system]
            .into_iter()
            .chain(said.into_iter().map(message))
            .collect())
    }

    fn store(&self, answer: &Answer) -> Result<Stored, Error> {
        let message = NewMessage {
            role: Role::Assistant,
            content: &answer.text,
            tool_calls: &answer.tool_calls().to_string(),
        };
        // The user's message has given the conversation its title.
        let statement = store::append(&self.user, self.conversation, "", message);
        // There is no row if the conversation was deleted while the model was at work.
        store::stored(&statement)?.ok_or_else(not_found)
    }
}

/// A message of the past, without the results of its tools: they may be long and are outdated.
fn message((role, content): (Role, String)) -> Message {
    match role {
        Role::User => Message::User(content),
        Role::Assistant => Message::Assistant(AssistantMessage {
            content: Some(content),
            tool_plan: None,
            tool_calls: Vec::new(),
        }),
    }
}

/// Whether the header `Accept` asks for events.
fn wants_events(accept: Option<&[u8]>) -> bool {
    let accept = accept.unwrap_or_default().to_ascii_lowercase();
    accept.split(|byte| *byte == b',').any(|range| {
        let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_events = parts.next() == Some(b"text/event-stream");
        is_events && !parts.any(|parameter| matches!(parameter, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_for_those_who_ask_for_them() {
        for accept in [
            "text/event-stream",
            "Text/Event-Stream; q=0.9",
            "application/json, text/event-stream",
            "text/event-stream,*/*",
        ] {
            assert!(wants_events(Some(accept.as_bytes())), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "application/json",
            "text/*",
            "text/event-stream;q=0",
            "text/event-streams",
        ] {
            assert!(!wants_events(Some(accept.as_bytes())), "{accept}");
        }
        assert!(!wants_events(None));
    }
}
