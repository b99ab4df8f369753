//! The replies of a script.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::gate::Gate;

/// One answer of the script.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The model's message: as JSON or as events, as the request asks for.
    Turn(Turn),
    /// An error, in Cohere's shape.
    Refusal(Refusal),
    /// Whatever the test says, byte for byte.
    Raw(Raw),
    /// Nothing, for as long as the client waits.
    Hang,
}

/// The model's message in one turn.
#[derive(Clone, Debug)]
pub struct Turn {
    pub(crate) thinking: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) tool_plan: Option<String>,
    /// Id, name, and arguments as the model wrote them.
    pub(crate) tool_calls: Vec<(String, String, String)>,
    pub(crate) finish_reason: String,
    pub(crate) usage: Value,
    pub(crate) gate: Option<Gate>,
}

impl Turn {
    /// A turn that says this.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::silent("COMPLETE")
        }
    }

    /// A turn that calls these tools, by name, with these arguments.
    pub fn calls<'a>(calls: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        calls
            .into_iter()
            .fold(Self::silent("TOOL_CALL"), |turn, (name, arguments)| {
                turn.call_written(name, &arguments.to_string())
            })
    }

    /// A turn without any content, which finishes with this reason.
    pub fn silent(finish_reason: impl Into<String>) -> Self {
        Self {
            thinking: None,
            text: None,
            tool_plan: None,
            tool_calls: Vec::new(),
            finish_reason: finish_reason.into(),
            usage: usage(20, 5),
            gate: None,
        }
    }

    /// One more call, with arguments that need not be JSON. Ids are `call_1`, `call_2`, … within the turn.
    #[must_use]
    pub fn call_written(mut self, name: &str, arguments: &str) -> Self {
        let id = format!("call_{}", self.tool_calls.len() + 1);
        self.tool_calls.push((id, name.to_owned(), arguments.to_owned()));
        self
    }

    /// Before it says anything, it thinks this.
    #[must_use]
    pub fn thinking(mut self, thoughts: impl Into<String>) -> Self {
        self.thinking = Some(thoughts.into());
        self
    }

    /// It says what it is going to do with the tools.
    #[must_use]
    pub fn planning(mut self, plan: impl Into<String>) -> Self {
        self.tool_plan = Some(plan.into());
        self
    }

    /// It finishes with this reason instead.
    #[must_use]
    pub fn finishing(mut self, reason: impl Into<String>) -> Self {
        self.finish_reason = reason.into();
        self
    }

    /// It costs these tokens instead of 20 and 5.
    #[must_use]
    pub fn costing(mut self, input: u32, output: u32) -> Self {
        self.usage = usage(input, output);
        self
    }

    /// Streamed, each piece of text, plan and arguments after the first waits for the gate.
    #[must_use]
    pub fn paced(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }
}

/// Both figures of Cohere, as it gives them: floats.
fn usage(input: u32, output: u32) -> Value {
    let tokens = json!({ "input_tokens": f64::from(input), "output_tokens": f64::from(output) });
    json!({ "billed_units": tokens, "tokens": tokens })
}

/// An error, in Cohere's shape.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub(crate) status: u16,
    pub(crate) message: String,
    pub(crate) retry_after: Option<String>,
}

impl Refusal {
    /// With this status.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            retry_after: None,
        }
    }

    /// And this `Retry-After`.
    #[must_use]
    pub fn retry_after(mut self, value: impl Into<String>) -> Self {
        self.retry_after = Some(value.into());
        self
    }
}

/// An answer as the test writes it.
#[derive(Clone, Debug)]
pub struct Raw {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

/// A step of a body.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Send(Bytes),
    Wait(Gate),
    BreakOff,
}

impl Raw {
    /// A body of JSON, or of what claims to be.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json").then(body)
    }

    /// A stream of events, empty at first.
    #[must_use]
    pub fn events() -> Self {
        Self::new("text/event-stream")
    }

    fn new(content_type: &str) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self {
            status: 200,
            headers,
            steps: Vec::new(),
        }
    }

    /// With this status instead of 200.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Then these bytes.
    #[must_use]
    pub fn then(mut self, bytes: impl Into<Bytes>) -> Self {
        self.steps.push(Step::Send(bytes.into()));
        self
    }

    /// Then an event, by its JSON; its name is the JSON's `type`.
    #[must_use]
    pub fn event(self, data: &Value) -> Self {
        self.then(crate::wire::event(data))
    }

    /// Then it waits for the gate.
    #[must_use]
    pub fn wait(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Then the connection breaks. Without this a body ends as it should.
    #[must_use]
    pub fn break_off(mut self) -> Self {
        self.steps.push(Step::BreakOff);
        self
    }
}

impl From<Turn> for Reply {
    fn from(turn: Turn) -> Self {
        Self::Turn(turn)
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Raw> for Reply {
    fn from(raw: Raw) -> Self {
        Self::Raw(raw)
    }
}
