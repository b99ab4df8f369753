//! Cohere as the model of a turn, and the responses to its failures.

use berth_sdk::Error;
use berth_sdk::cohere::{self, Event, Reply, Request};

use crate::turn::{Model, Pieces};

/// Asks for the whole reply at once, for clients that wait for the whole answer.
pub(crate) fn whole() -> Model {
    Box::new(|request: Request| cohere::chat(&request).map(pieces))
}

/// Streams the reply piece by piece.
pub(crate) fn streamed() -> Model {
    Box::new(|request: Request| {
        let stream = cohere::stream(&request)?;
        Ok(Box::new(stream) as Pieces)
    })
}

fn pieces(reply: Reply) -> Pieces {
    let text = reply.message.content.clone().map(Event::Text);
    let calls: Vec<Event> = reply
        .message
        .tool_calls
        .iter()
        .cloned()
        .map(Event::ToolCall)
        .collect();
    Box::new(text.into_iter().chain(calls).chain([Event::End(reply)]).map(Ok))
}

/// The response to a failure of the model. The host has logged the cause.
pub(crate) fn failure(error: &cohere::Error) -> Error {
    let (status, sentence, retry_after) = match error {
        cohere::Error::RateLimited(seconds) => (
            429,
            "The language model is rate-limited, try again later",
            *seconds,
        ),
        cohere::Error::NotConfigured => (503, "The language model is not configured", None),
        cohere::Error::Busy => (503, "The language model is busy, try again later", Some(1)),
        cohere::Error::Timeout => (504, "The language model did not answer in time", None),
        _ => (502, "The language model failed", None),
    };
    Error::Upstream {
        status,
        sentence,
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use berth_sdk::cohere::{AssistantMessage, FinishReason, ToolCall, Usage};

    use super::*;

    #[test]
    fn a_whole_reply_comes_in_the_pieces_of_a_streamed_one() {
        let call = ToolCall {
            id: "1".into(),
            name: "list_tasks".into(),
            arguments: "{}".into(),
        };
        let reply = Reply {
            message: AssistantMessage {
                content: Some("Let me see.".into()),
                tool_plan: None,
                tool_calls: vec![call.clone(), call],
            },
            finish_reason: FinishReason::ToolCall,
            usage: Usage {
                input_tokens: 1,
                output_tokens: 2,
            },
        };
        let all: Vec<_> = pieces(reply).collect();
        assert!(
            matches!(
                &*all,
                [Ok(Event::Text(text)), Ok(Event::ToolCall(_)), Ok(Event::ToolCall(_)), Ok(Event::End(_))]
                if text == "Let me see."
            ),
            "{all:?}"
        );
    }

    #[test]
    fn a_client_is_told_what_it_can_do_about_a_failure() {
        use cohere::Error as Cohere;
        for (error, expected) in [
            (
                Cohere::RateLimited(Some(7)),
                (
                    429,
                    "The language model is rate-limited, try again later",
                    Some(7),
                ),
            ),
            (
                Cohere::RateLimited(None),
                (429, "The language model is rate-limited, try again later", None),
            ),
            (
                Cohere::NotConfigured,
                (503, "The language model is not configured", None),
            ),
            (
                Cohere::Busy,
                (503, "The language model is busy, try again later", Some(1)),
            ),
            (
                Cohere::Timeout,
                (504, "The language model did not answer in time", None),
            ),
            (Cohere::Unauthorized, (502, "The language model failed", None)),
            (
                Cohere::InvalidRequest("secret".into()),
                (502, "The language model failed", None),
            ),
            (
                Cohere::ModelUnavailable("secret".into()),
                (502, "The language model failed", None),
            ),
            (
                Cohere::RequestTooLarge(1),
                (502, "The language model failed", None),
            ),
            (Cohere::ReplyTooLarge(1), (502, "The language model failed", None)),
            (Cohere::ContentRefused, (502, "The language model failed", None)),
            (Cohere::Unavailable, (502, "The language model failed", None)),
            (Cohere::Broken, (502, "The language model failed", None)),
        ] {
            let told = match failure(&error) {
                Error::Upstream {
                    status,
                    sentence,
                    retry_after,
                } => Some((status, sentence, retry_after)),
                _ => None,
            };
            assert_eq!(told, Some(expected), "{error:?}");
        }
    }
}
