//! Assembles the pieces of a response to the caller's events and, with the last event, the whole reply.

use std::collections::VecDeque;
use std::mem::take;

use crate::events::{End, Piece};
use crate::failure::Failure;
use crate::reply::{Event, Reply};
use crate::request::{AssistantMessage, ToolCall};

/// The pieces received so far.
#[derive(Default)]
pub(crate) struct Assembly {
    content: String,
    tool_plan: String,
    /// In the order in which they began.
    calls: Vec<Numbered>,
    /// Events that the caller has not taken yet.
    ready: VecDeque<Event>,
}

/// A tool call and its number in the stream.
struct Numbered {
    index: u64,
    complete: bool,
    call: ToolCall,
}

impl Assembly {
    /// Takes the next event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }

    /// Adds a piece.
    pub(crate) fn add(&mut self, piece: Piece) -> Result<(), Failure> {
        match piece {
            Piece::Text(text) => {
                self.content.push_str(&text);
                self.ready.push_back(Event::Text(text));
            }
            Piece::ToolPlan(text) => {
                self.tool_plan.push_str(&text);
                self.ready.push_back(Event::ToolPlan(text));
            }
            Piece::CallStart(index, call) => self.calls.push(Numbered {
                index,
                complete: false,
                call,
            }),
            Piece::CallArguments(index, text) => self.open(index)?.call.arguments.push_str(&text),
            Piece::CallEnd(index) => {
                let event = self.open(index)?.complete();
                self.ready.push_back(event);
            }
        }
        Ok(())
    }

    /// Ends the response. Only events that the caller has not taken remain.
    pub(crate) fn end(&mut self, end: &End) {
        let open = self.calls.iter_mut().filter(|call| !call.complete);
        self.ready.extend(open.map(Numbered::complete));
        let reply = Reply {
            message: self.message(),
            finish_reason: end.finish_reason,
            usage: end.usage,
        };
        self.ready.push_back(Event::End(reply));
    }

    fn open(&mut self, index: u64) -> Result<&mut Numbered, Failure> {
        let mut open = self.calls.iter_mut().filter(|call| !call.complete);
        open.find(|call| call.index == index)
            .ok_or_else(|| Failure::broken(format_args!("no tool call with the index {index} is open")))
    }

    /// Takes the received pieces as a message.
    fn message(&mut self) -> AssistantMessage {
        let text = |text: &mut String| Some(take(text)).filter(|text| !text.is_empty());
        AssistantMessage {
            content: text(&mut self.content),
            tool_plan: text(&mut self.tool_plan),
            tool_calls: self.calls.drain(..).map(|call| call.call).collect(),
        }
    }
}

impl Numbered {
    fn complete(&mut self) -> Event {
        self.complete = true;
        self.call.complete();
        Event::ToolCall(self.call.clone())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::error::Error;
    use crate::reply::{FinishReason, Usage};

    fn call(id: &str, arguments: &str) -> ToolCall {
        ToolCall {
            id: id.to_owned(),
            name: "add_task".to_owned(),
            arguments: arguments.to_owned(),
        }
    }

    fn reply(content: Option<&str>, tool_calls: Vec<ToolCall>) -> Event {
        let message = AssistantMessage {
            content: content.map(str::to_owned),
            tool_plan: None,
            tool_calls,
        };
        Event::End(Reply {
            message,
            finish_reason: FinishReason::ToolCall,
            usage: Usage::default(),
        })
    }

    fn assemble(pieces: Vec<Piece>) -> Result<Vec<Event>, Failure> {
        let mut assembly = Assembly::default();
        for piece in pieces {
            assembly.add(piece)?;
        }
        assembly.end(&End {
            finish_reason: FinishReason::ToolCall,
            usage: Usage::default(),
            error: None,
        });
        Ok(std::iter::from_fn(|| assembly.next()).collect())
    }

    #[test]
    fn calls_that_come_interleaved_are_told_apart_by_their_index() {
        let arguments = |index, text: &str| Piece::CallArguments(index, text.to_owned());
        let events = assemble(vec![
            Piece::Text("So ".to_owned()),
            Piece::CallStart(0, call("a", "")),
            Piece::CallStart(1, call("b", "")),
            arguments(1, "{\"b\":"),
            arguments(0, "{\"a\":1}"),
            arguments(1, "2}"),
            Piece::CallEnd(1),
            Piece::CallEnd(0),
            Piece::Text("be it".to_owned()),
        ]);
        let (a, b) = (call("a", r#"{"a":1}"#), call("b", r#"{"b":2}"#));
        let expected = [
            Event::Text("So ".to_owned()),
            Event::ToolCall(b.clone()),
            Event::ToolCall(a.clone()),
            Event::Text("be it".to_owned()),
            reply(Some("So be it"), vec![a, b]),
        ];
        assert_eq!(events.unwrap(), expected);
    }

    #[test]
    fn a_call_without_arguments_or_without_an_end_is_a_call() {
        let events = assemble(vec![Piece::CallStart(0, call("a", ""))]).unwrap();
        assert_eq!(
            events,
            [
                Event::ToolCall(call("a", "{}")),
                reply(None, vec![call("a", "{}")])
            ]
        );
    }

    #[test]
    fn an_index_that_is_not_open_breaks_the_answer() {
        for piece in [Piece::CallEnd(1), Piece::CallArguments(1, String::new())] {
            let failure = assemble(vec![Piece::CallStart(0, call("a", "")), piece]).unwrap_err();
            assert_eq!(failure.error, Error::Broken);
        }
        let twice = vec![
            Piece::CallStart(0, call("a", "")),
            Piece::CallEnd(0),
            Piece::CallEnd(0),
        ];
        assert_eq!(assemble(twice).unwrap_err().error, Error::Broken);
    }
}
