//! One turn of a conversation: from the messages to the assistant's answer, step by step.
//!
//! A round asks the model, runs the tools that the model calls, and gives their results to the model. The turn ends when
//! the model calls no tool. After [`ROUNDS`] rounds, the turn asks the model once more without tools, so that the model
//! can report how far it came.
//!
//! Nothing happens between two steps: the caller of [`Turn::step`] can pass each on before the next, or stop there.

use std::mem;
use std::vec;

use berth_sdk::cohere::{
    Error, Event, FinishReason, Message, Reply, Request, ToolCall, ToolChoice, ToolResult, Usage,
};
use serde_json::{Map, Value, json};

use crate::answer::{self, Answer, Call, Step};
use crate::command::Command;
use crate::tools;

/// The most rounds of tool calls in a turn.
pub(crate) const ROUNDS: usize = 8;

/// Asks a model, and returns its reply piece by piece.
pub(crate) type Model = Box<dyn FnMut(Request) -> Result<Pieces, Error>>;

/// The pieces of a model's reply. The last is [`Event::End`].
pub(crate) type Pieces = Box<dyn Iterator<Item = Result<Event, Error>>>;

/// Runs a command, and returns its result, or the reason why the command failed.
pub(crate) type Tools = Box<dyn FnMut(Command) -> Result<Value, String>>;

/// A turn under way.
pub(crate) struct Turn {
    model: Model,
    tools: Tools,
    messages: Vec<Message>,
    phase: Phase,
    rounds: usize,
    calls: Vec<Call>,
    usage: Usage,
}

/// The state of a turn between two steps.
enum Phase {
    /// The next step asks the model.
    Asking,
    /// The model is replying.
    Listening(Pieces),
    /// The remaining calls of this round.
    Running(vec::IntoIter<ToolCall>),
    /// The model said nothing, so the next step sends this text instead.
    Speaking(String),
    /// The complete text of the answer.
    Answered(String),
}

impl Turn {
    /// Begins a turn with `messages`, of which the last is the user's.
    pub(crate) fn new(messages: Vec<Message>, model: Model, tools: Tools) -> Self {
        let usage = Usage {
            input_tokens: 0,
            output_tokens: 0,
        };
        Self {
            model,
            tools,
            messages,
            phase: Phase::Asking,
            rounds: 0,
            calls: Vec::new(),
            usage,
        }
    }

    /// Waits for the next step. An error ends the turn.
    pub(crate) fn step(&mut self) -> Result<Step, Error> {
        loop {
            match &mut self.phase {
                Phase::Asking => self.phase = Phase::Listening(self.ask()?),
                Phase::Listening(pieces) => match pieces.next().ok_or(Error::Broken)?? {
                    Event::Text(text) => return Ok(Step::Token(text)),
                    Event::ToolCall(call) if self.rounds < ROUNDS => {
                        let arguments = object(&call.arguments);
                        return Ok(Step::Call {
                            id: call.id,
                            name: call.name,
                            arguments,
                        });
                    }
                    Event::ToolCall(_) | Event::ToolPlan(_) => {}
                    Event::End(reply) => self.phase = self.heard(reply)?,
                },
                Phase::Running(calls) => match calls.next() {
                    Some(call) => return Ok(self.run(call)),
                    None => self.phase = Phase::Asking,
                },
                Phase::Speaking(text) => {
                    let text = mem::take(text);
                    self.phase = Phase::Answered(text.clone());
                    return Ok(Step::Token(text));
                }
                Phase::Answered(text) => {
                    let text = mem::take(text);
                    return Ok(Step::Done(Answer {
                        text,
                        calls: mem::take(&mut self.calls),
                        usage: self.usage,
                    }));
                }
            }
        }
    }

    fn ask(&mut self) -> Result<Pieces, Error> {
        (self.model)(Request {
            model: None,
            messages: self.messages.clone(),
            tools: tools::all(),
            tool_choice: if self.rounds < ROUNDS {
                ToolChoice::Auto
            } else {
                ToolChoice::None
            },
            max_tokens: None,
            temperature: None,
            seed: None,
            stop_sequences: Vec::new(),
        })
    }

    /// The phase that follows a whole reply of the model.
    fn heard(&mut self, reply: Reply) -> Result<Phase, Error> {
        self.usage.input_tokens = self.usage.input_tokens.saturating_add(reply.usage.input_tokens);
        self.usage.output_tokens = self.usage.output_tokens.saturating_add(reply.usage.output_tokens);
        match reply.finish_reason {
            FinishReason::Error => return Err(Error::Unavailable),
            FinishReason::Timeout => return Err(Error::Timeout),
            _ => {}
        }
        let exhausted = self.rounds == ROUNDS;
        if !reply.message.tool_calls.is_empty() && !exhausted {
            self.rounds += 1;
            let calls = reply.message.tool_calls.clone();
            self.messages.push(Message::Assistant(reply.message));
            return Ok(Phase::Running(calls.into_iter()));
        }
        let said = reply.message.content.filter(|text| !text.trim().is_empty());
        Ok(said.map_or_else(
            || Phase::Speaking(answer::in_place_of_words(&self.calls, exhausted)),
            Phase::Answered,
        ))
    }

    /// Runs a tool. An error is a result as well: the model reads it and may try something else.
    fn run(&mut self, call: ToolCall) -> Step {
        let command = Command::read(&call.name, &call.arguments);
        let result = command
            .and_then(&mut self.tools)
            .unwrap_or_else(|error| json!({ "error": error }));
        let content = result.to_string();
        self.messages.push(Message::Tool(ToolResult {
            tool_call_id: call.id.clone(),
            content,
        }));
        let arguments = object(&call.arguments);
        self.calls.push(Call {
            id: call.id.clone(),
            name: call.name,
            arguments,
            result: result.clone(),
        });
        Step::Result { id: call.id, result }
    }
}

/// Arguments as the client gets them: an object, which is empty if the model wrote none.
fn object(arguments: &str) -> Value {
    serde_json::from_str(arguments)
        .map_or_else(|_| Map::new().into(), |object: Map<String, Value>| object.into())
}

#[cfg(test)]
mod tests;
