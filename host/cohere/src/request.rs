//! A request to a model, and the checks before it is sent.

use std::collections::HashSet;

use serde_json::value::RawValue;

use crate::error::Error;

/// Stop sequences that Cohere takes.
const MAX_STOP_SEQUENCES: usize = 5;

/// A request to a model.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// An allowed model, or `None` for the default.
    pub model: Option<String>,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it calls them.
    pub tool_choice: ToolChoice,
    /// Tokens of the answer, at most.
    pub max_tokens: Option<u32>,
    /// 0 to 1.
    pub temperature: Option<f64>,
    /// For answers that repeat.
    pub seed: Option<u64>,
    /// Where the answer ends. At most 5.
    pub stop_sequences: Vec<String>,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// How the model is to behave.
    System(String),
    /// The user's message.
    User(String),
    /// The model's message.
    Assistant(AssistantMessage),
    /// The result of a tool call.
    Tool(ToolResult),
}

/// The model's message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssistantMessage {
    /// Its answer.
    pub content: Option<String>,
    /// The model's plan for using the tools.
    pub tool_plan: Option<String>,
    /// The calls that it wants made.
    pub tool_calls: Vec<ToolCall>,
}

/// A call that the model wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON, as the model wrote it.
    pub arguments: String,
}

/// The result of a tool call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolResult {
    /// The call.
    pub tool_call_id: String,
    /// For the model to read.
    pub content: String,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// `[A-Za-z_][A-Za-z0-9_]*`
    pub name: String,
    /// For the model to read.
    pub description: Option<String>,
    /// A JSON Schema of the arguments, as JSON.
    pub parameters: String,
}

/// Whether the model calls tools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it thinks best.
    #[default]
    Auto,
    /// At least one.
    Required,
    /// The model calls no tools.
    None,
}

impl Request {
    /// Checks the request, except for its model and its size.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.messages.is_empty() {
            return invalid("`messages` is empty: there must be at least one");
        }
        for (index, message) in self.messages.iter().enumerate() {
            if matches!(message, Message::Assistant(message) if message.is_empty()) {
                return invalid(format!(
                    "messages[{index}] has neither content nor tool calls: remove it"
                ));
            }
        }
        if self.tools.is_empty() && self.tool_choice != ToolChoice::Auto {
            return invalid("`tool-choice` must be `auto` where there are no tools");
        }
        let mut names = HashSet::new();
        for tool in &self.tools {
            tool.check()?;
            if !names.insert(&tool.name) {
                return invalid(format!("there are two tools of the name `{}`", tool.name));
            }
        }
        if self
            .temperature
            .is_some_and(|temperature| !(0.0..=1.0).contains(&temperature))
        {
            return invalid("`temperature` must be from 0 to 1");
        }
        if self.stop_sequences.len() > MAX_STOP_SEQUENCES {
            return invalid(format!(
                "there are more than {MAX_STOP_SEQUENCES} `stop-sequences`"
            ));
        }
        Ok(())
    }
}

impl AssistantMessage {
    fn is_empty(&self) -> bool {
        self.tool_calls.is_empty() && self.content.as_ref().is_none_or(String::is_empty)
    }
}

impl Tool {
    fn check(&self) -> Result<(), Error> {
        let letters = self
            .name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !letters || self.name.bytes().next().is_none_or(|byte| byte.is_ascii_digit()) {
            return invalid(format!(
                "`{}` is not a name for a tool: use letters, digits and underscores, and no digit first",
                self.name
            ));
        }
        match self.schema() {
            Ok(schema) if schema.get().starts_with('{') => Ok(()),
            Ok(_) => invalid(format!("the parameters of `{}` are not a JSON object", self.name)),
            Err(error) => invalid(format!("the parameters of `{}` are not JSON: {error}", self.name)),
        }
    }

    /// The parameters, which go to Cohere as they are.
    pub(crate) fn schema(&self) -> serde_json::Result<&RawValue> {
        serde_json::from_str(&self.parameters)
    }
}

fn invalid(reason: impl Into<String>) -> Result<(), Error> {
    Err(Error::InvalidRequest(reason.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request {
            messages: vec![Message::User("Hello".to_owned())],
            ..Request::default()
        }
    }

    fn tool(name: &str, parameters: &str) -> Tool {
        Tool {
            name: name.to_owned(),
            description: None,
            parameters: parameters.to_owned(),
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let silent = Message::Assistant(AssistantMessage::default());
        let requests = [
            Request::default(),
            Request {
                messages: vec![silent],
                ..request()
            },
            Request {
                tool_choice: ToolChoice::Required,
                ..request()
            },
            Request {
                tools: vec![tool("2do", "{}")],
                ..request()
            },
            Request {
                tools: vec![tool("", "{}")],
                ..request()
            },
            Request {
                tools: vec![tool("add-task", "{}")],
                ..request()
            },
            Request {
                tools: vec![tool("add", "{}"), tool("add", "{}")],
                ..request()
            },
            Request {
                tools: vec![tool("add", "[]")],
                ..request()
            },
            Request {
                tools: vec![tool("add", "{")],
                ..request()
            },
            Request {
                temperature: Some(1.1),
                ..request()
            },
            Request {
                temperature: Some(f64::NAN),
                ..request()
            },
            Request {
                stop_sequences: vec![String::new(); 6],
                ..request()
            },
        ];
        let reasons = requests.map(|request| match request.check() {
            Err(Error::InvalidRequest(reason)) => reason,
            other => format!("{other:?}"),
        });
        insta::assert_snapshot!(reasons.join("\n"));
    }

    #[test]
    fn what_is_right_passes() {
        let all = Request {
            tools: vec![tool("add_task", " {\"type\": \"object\"}"), tool("_2", "{}")],
            tool_choice: ToolChoice::None,
            temperature: Some(1.0),
            stop_sequences: vec!["END".to_owned(); 5],
            ..request()
        };
        assert_eq!(request().check(), Ok(()));
        assert_eq!(all.check(), Ok(()));
    }
}
