//! Cohere's format, version 2: the bodies of requests and of unstreamed responses.
//!
//! <https://docs.cohere.com/v2/reference/chat>. What Berth has no use for (citations, thoughts) is not read.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::reply::{FinishReason, Reply, Usage};
use crate::request::{self, AssistantMessage, Request, ToolChoice};

/// The body of a request.
#[derive(Serialize)]
pub(crate) struct Body<'a> {
    model: &'a str,
    stream: bool,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_choice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop_sequences: &'a [String],
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum Message<'a> {
    System {
        content: &'a str,
    },
    User {
        content: &'a str,
    },
    Assistant {
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        tool_plan: Option<&'a str>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<CalledFunction<'a>>,
    },
    Tool {
        tool_call_id: &'a str,
        content: &'a str,
    },
}

#[derive(Serialize)]
struct CalledFunction<'a> {
    id: &'a str,
    r#type: &'static str,
    function: CalledWith<'a>,
}

#[derive(Serialize)]
struct CalledWith<'a> {
    name: &'a str,
    arguments: &'a str,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    parameters: &'a RawValue,
}

impl<'a> Body<'a> {
    /// Converts a request to Cohere's format.
    pub(crate) fn new(request: &'a Request, model: &'a str, stream: bool) -> serde_json::Result<Self> {
        Ok(Self {
            model,
            stream,
            messages: request.messages.iter().map(Message::from).collect(),
            tools: request
                .tools
                .iter()
                .map(Tool::try_from)
                .collect::<Result<_, _>>()?,
            tool_choice: match request.tool_choice {
                ToolChoice::Auto => None,
                ToolChoice::Required => Some("REQUIRED"),
                ToolChoice::None => Some("NONE"),
            },
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            seed: request.seed,
            stop_sequences: &request.stop_sequences,
        })
    }
}

impl<'a> From<&'a request::Message> for Message<'a> {
    fn from(message: &'a request::Message) -> Self {
        match message {
            request::Message::System(content) => Self::System { content },
            request::Message::User(content) => Self::User { content },
            request::Message::Assistant(message) => Self::Assistant {
                content: message.content.as_deref(),
                tool_plan: message.tool_plan.as_deref(),
                tool_calls: message.tool_calls.iter().map(CalledFunction::from).collect(),
            },
            request::Message::Tool(result) => Self::Tool {
                tool_call_id: &result.tool_call_id,
                content: &result.content,
            },
        }
    }
}

impl<'a> From<&'a request::ToolCall> for CalledFunction<'a> {
    fn from(call: &'a request::ToolCall) -> Self {
        let function = CalledWith {
            name: &call.name,
            arguments: &call.arguments,
        };
        Self {
            id: &call.id,
            r#type: "function",
            function,
        }
    }
}

impl<'a> TryFrom<&'a request::Tool> for Tool<'a> {
    type Error = serde_json::Error;

    fn try_from(tool: &'a request::Tool) -> Result<Self, Self::Error> {
        let parameters = tool.schema()?;
        let function = Function {
            name: &tool.name,
            description: tool.description.as_deref(),
            parameters,
        };
        Ok(Self {
            r#type: "function",
            function,
        })
    }
}

/// The body of a plain answer.
#[derive(Deserialize)]
pub(crate) struct Answer {
    finish_reason: String,
    message: AnswerMessage,
    #[serde(default)]
    usage: Option<AnswerUsage>,
}

#[derive(Deserialize)]
struct AnswerMessage {
    /// Absent, null or without a block of text when the model only calls tools, or only thought.
    #[serde(default)]
    content: Option<Vec<Block>>,
    #[serde(default)]
    tool_plan: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<AnswerCall>>,
}

/// A block of content: of text, or of something else that is passed over, such as `thinking`.
#[derive(Deserialize)]
pub(crate) struct Block {
    pub(crate) text: Option<String>,
}

/// A call of a tool. In a stream its arguments come later, in pieces.
#[derive(Deserialize)]
pub(crate) struct AnswerCall {
    pub(crate) id: String,
    pub(crate) function: AnswerFunction,
}

#[derive(Deserialize)]
pub(crate) struct AnswerFunction {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: Option<String>,
}

/// Cohere counts what the model read and wrote (`tokens`) and what it asks money for (`billed_units`).
#[derive(Deserialize)]
pub(crate) struct AnswerUsage {
    tokens: Option<Tokens>,
    billed_units: Option<Tokens>,
}

/// Floats at times, though never with a fraction.
#[derive(Deserialize, Default)]
struct Tokens {
    #[serde(default)]
    input_tokens: Option<f64>,
    #[serde(default)]
    output_tokens: Option<f64>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        let blocks = answer.message.content.into_iter().flatten();
        let content = blocks
            .filter_map(|block| block.text)
            .reduce(|text, more| text + &more);
        let mut tool_calls: Vec<_> = answer
            .message
            .tool_calls
            .into_iter()
            .flatten()
            .map(request::ToolCall::from)
            .collect();
        tool_calls.iter_mut().for_each(request::ToolCall::complete);
        Self {
            message: AssistantMessage {
                content: content.filter(|text| !text.is_empty()),
                tool_plan: answer.message.tool_plan.filter(|plan| !plan.is_empty()),
                tool_calls,
            },
            finish_reason: finish_reason(&answer.finish_reason),
            usage: answer.usage.map(Usage::from).unwrap_or_default(),
        }
    }
}

impl From<AnswerCall> for request::ToolCall {
    fn from(call: AnswerCall) -> Self {
        let arguments = call.function.arguments.unwrap_or_default();
        Self {
            id: call.id,
            name: call.function.name,
            arguments,
        }
    }
}

impl request::ToolCall {
    /// A model that has no arguments to give may write nothing, which is no JSON.
    pub(crate) fn complete(&mut self) {
        if self.arguments.is_empty() {
            "{}".clone_into(&mut self.arguments);
        }
    }
}

impl From<AnswerUsage> for Usage {
    fn from(usage: AnswerUsage) -> Self {
        let tokens = usage.tokens.or(usage.billed_units).unwrap_or_default();
        Self {
            input_tokens: whole(tokens.input_tokens),
            output_tokens: whole(tokens.output_tokens),
        }
    }
}

fn whole(number: Option<f64>) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` ends at the bounds, and there is no fraction to lose"
    )]
    number.map(|number| number as u64).unwrap_or_default()
}

pub(crate) fn finish_reason(word: &str) -> FinishReason {
    match word {
        "COMPLETE" => FinishReason::Complete,
        "STOP_SEQUENCE" => FinishReason::StopSequence,
        "MAX_TOKENS" => FinishReason::MaxTokens,
        "TOOL_CALL" => FinishReason::ToolCall,
        "ERROR" => FinishReason::Error,
        "TIMEOUT" => FinishReason::Timeout,
        _ => FinishReason::Other,
    }
}
