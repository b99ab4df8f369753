#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use berth_sdk::cohere::AssistantMessage;

use super::*;
use crate::store::Stored;

/// The model's replies, in the order of its rounds.
#[derive(Default)]
struct Script(VecDeque<Result<Reply, Error>>);

impl Script {
    fn says(mut self, text: &str) -> Self {
        self.0.push_back(Ok(reply(Some(text), &[])));
        self
    }

    fn calls(mut self, calls: &[(&str, &str)]) -> Self {
        self.0.push_back(Ok(reply(None, calls)));
        self
    }

    fn stays_silent(mut self) -> Self {
        self.0.push_back(Ok(reply(None, &[])));
        self
    }

    fn fails(mut self, error: Error) -> Self {
        self.0.push_back(Err(error));
        self
    }

    fn finishes(mut self, reason: FinishReason) -> Self {
        self.0.push_back(Ok(Reply {
            finish_reason: reason,
            ..reply(Some("So far"), &[])
        }));
        self
    }

    /// Takes every step of a turn that begins with "hi".
    fn play(self) -> Played {
        let requests = Rc::new(RefCell::new(Vec::new()));
        let commands = Rc::new(RefCell::new(Vec::new()));
        let mut turn = Turn::new(
            vec![
                Message::System("be good".to_owned()),
                Message::User("hi".to_owned()),
            ],
            model(self, Rc::clone(&requests)),
            tools(Rc::clone(&commands)),
        );
        let mut steps = Vec::new();
        let error = loop {
            match turn.step() {
                Ok(step @ Step::Done(_)) => {
                    steps.push(step);
                    break None;
                }
                Ok(step) => steps.push(step),
                Err(error) => break Some(error),
            }
        };
        let (requests, commands) = (requests.take(), commands.take());
        Played {
            steps,
            error,
            requests,
            commands,
        }
    }
}

/// The outcome of a script.
struct Played {
    steps: Vec<Step>,
    error: Option<Error>,
    requests: Vec<Request>,
    commands: Vec<Command>,
}

impl Played {
    /// Name and data of every step but the last.
    fn events(&self) -> Vec<(&'static str, Value)> {
        self.steps
            .iter()
            .filter_map(|step| answer::event(step, |_| Err(())).ok())
            .collect()
    }

    fn answer(&self) -> &Answer {
        match self.steps.last() {
            Some(Step::Done(answer)) => answer,
            _ => panic!("the turn did not end: {:?}", self.error),
        }
    }

    /// The messages of the last round that follow the first messages of the turn.
    fn told(&self) -> String {
        self.requests.last().unwrap().messages[2..]
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn line(message: &Message) -> String {
    match message {
        Message::System(text) => format!("system: {text}"),
        Message::User(text) => format!("user: {text}"),
        Message::Assistant(message) => {
            let calls: Vec<&str> = message.tool_calls.iter().map(|call| &*call.id).collect();
            format!("assistant: {}", calls.join(" "))
        }
        Message::Tool(result) => format!("{}: {}", result.tool_call_id, result.content),
    }
}

fn reply(text: Option<&str>, calls: &[(&str, &str)]) -> Reply {
    let call = |(index, (name, arguments)): (usize, &(&str, &str))| ToolCall {
        id: format!("call_{}", index + 1),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
    };
    let message = AssistantMessage {
        content: text.map(str::to_owned),
        tool_plan: None,
        tool_calls: calls.iter().enumerate().map(call).collect(),
    };
    let finish_reason = if calls.is_empty() {
        FinishReason::Complete
    } else {
        FinishReason::ToolCall
    };
    Reply {
        message,
        finish_reason,
        usage: Usage {
            input_tokens: 20,
            output_tokens: 5,
        },
    }
}

/// Streams its replies: a text word by word, then the calls, then the end.
fn model(script: Script, requests: Rc<RefCell<Vec<Request>>>) -> Model {
    let mut script = script.0;
    Box::new(move |request| {
        requests.borrow_mut().push(request);
        let reply = script.pop_front().unwrap()?;
        let content = reply.message.content.clone().unwrap_or_default();
        let words: Vec<Event> = content
            .split_inclusive(' ')
            .map(|word| Event::Text(word.to_owned()))
            .collect();
        let calls: Vec<Event> = reply
            .message
            .tool_calls
            .iter()
            .cloned()
            .map(Event::ToolCall)
            .collect();
        Ok(Box::new(
            words.into_iter().chain(calls).chain([Event::End(reply)]).map(Ok),
        ))
    })
}

/// Tools for a user that has task 3 and no other.
fn tools(commands: Rc<RefCell<Vec<Command>>>) -> Tools {
    Box::new(move |command| {
        commands.borrow_mut().push(command.clone());
        let milk = json!({ "id": 3, "title": "Buy milk" });
        match command {
            Command::List(_) => Ok(json!({ "count": 1, "tasks": [milk] })),
            Command::Delete(3) => Ok(json!({ "id": 3, "deleted": true })),
            Command::Complete(3) | Command::Update(3, _) | Command::Add(_) => Ok(milk),
            _ => Err("no such task".to_owned()),
        }
    })
}

#[test]
fn an_answer_without_tools_is_one_round() {
    let played = Script::default().says("Hello there").play();
    assert_eq!(
        played.events(),
        [
            ("token", json!({ "text": "Hello " })),
            ("token", json!({ "text": "there" }))
        ]
    );
    assert_eq!(played.answer().text, "Hello there");
    assert_eq!(played.answer().tool_calls(), json!([]));
    assert_eq!(played.requests.len(), 1);
    assert_eq!(played.requests[0].tool_choice, ToolChoice::Auto);
}

#[test]
fn list_then_delete_is_two_rounds() {
    let played = Script::default()
        .calls(&[("list_tasks", r#"{"search": "milk"}"#)])
        .calls(&[("delete_task", r#"{"task_id": 3}"#)])
        .says("Gone.")
        .play();
    let tasks = json!({ "count": 1, "tasks": [{ "id": 3, "title": "Buy milk" }] });
    let deleted = json!({ "id": 3, "deleted": true });
    assert_eq!(
        played.events(),
        [
            (
                "tool_call",
                json!({ "id": "call_1", "name": "list_tasks", "arguments": { "search": "milk" } })
            ),
            ("tool_result", json!({ "id": "call_1", "result": tasks })),
            (
                "tool_call",
                json!({ "id": "call_1", "name": "delete_task", "arguments": { "task_id": 3 } })
            ),
            ("tool_result", json!({ "id": "call_1", "result": deleted })),
            ("token", json!({ "text": "Gone." })),
        ]
    );
    assert_eq!(
        played.told(),
        format!("assistant: call_1\ncall_1: {tasks}\nassistant: call_1\ncall_1: {deleted}")
    );
    assert_eq!(played.answer().calls.len(), 2);
}

#[test]
fn several_calls_in_one_round_all_run() {
    let played = Script::default()
        .calls(&[
            ("add_task", r#"{"title": "a"}"#),
            ("add_task", r#"{"title": "a"}"#),
            ("complete_task", r#"{"task_id": 3}"#),
        ])
        .says("Done.")
        .play();
    assert_eq!(played.commands.len(), 3);
    let names: Vec<&str> = played.events().iter().map(|(name, _)| *name).collect();
    let expected = [
        "tool_call",
        "tool_call",
        "tool_call",
        "tool_result",
        "tool_result",
        "tool_result",
        "token",
    ];
    assert_eq!(names, expected);
    assert!(
        played
            .told()
            .starts_with("assistant: call_1 call_2 call_3\ncall_1: {")
    );
}

#[test]
fn the_tools_are_sent_in_every_round() {
    let played = Script::default()
        .calls(&[("list_tasks", "{}")])
        .says("One task.")
        .play();
    for request in &played.requests {
        let names: Vec<&str> = request.tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, tools::NAMES);
    }
    assert_eq!(played.requests.len(), 2);
}

#[test]
fn a_failure_of_a_tool_goes_back_to_the_model() {
    let played = Script::default()
        .calls(&[("complete_task", r#"{"task_id": 9}"#)])
        .calls(&[("complete_task", r#"{"task_id": 3}"#)])
        .says("Done.")
        .play();
    assert!(
        played
            .told()
            .starts_with("assistant: call_1\ncall_1: {\"error\":\"no such task\"}\n")
    );
    assert_eq!(
        played.answer().calls[0].result,
        json!({ "error": "no such task" })
    );
    assert_eq!(played.answer().text, "Done.");
}

#[test]
fn calls_that_cannot_be_read_are_not_run_and_are_shown_with_an_object() {
    let played = Script::default()
        .calls(&[
            ("add_task", r#"{"title": "#),
            ("add_task", "[1]"),
            ("add_task", r#"{"title": 3}"#),
            ("drop_table", "{}"),
        ])
        .says("Sorry.")
        .play();
    assert_eq!(played.commands, []);
    let calls = &played.answer().calls;
    let arguments: Vec<&Value> = calls.iter().map(|call| &call.arguments).collect();
    assert_eq!(
        arguments,
        [&json!({}), &json!({}), &json!({ "title": 3 }), &json!({})]
    );
    assert!(
        calls.iter().all(|call| call.result["error"].is_string()),
        "{calls:?}"
    );
}

#[test]
fn a_user_that_the_model_names_is_not_heard() {
    let played = Script::default()
        .calls(&[("delete_task", r#"{"task_id": 3, "user_id": "bob"}"#)])
        .says("Done.")
        .play();
    assert_eq!(played.commands, [Command::Delete(3)]);
}

#[test]
fn after_eight_rounds_the_model_can_only_speak() {
    let list = [("list_tasks", "{}")];
    let eight = || (0..ROUNDS).fold(Script::default(), |script, _| script.calls(&list));

    let speaking = eight().says("That is a lot.").play();
    assert_eq!(speaking.commands.len(), 8);
    assert_eq!(speaking.requests.len(), 9);
    let choices: Vec<ToolChoice> = speaking
        .requests
        .iter()
        .map(|request| request.tool_choice)
        .collect();
    assert_eq!((choices[7], choices[8]), (ToolChoice::Auto, ToolChoice::None));
    assert_eq!(speaking.answer().text, "That is a lot.");

    let calling = eight().calls(&list).play();
    assert_eq!((calling.commands.len(), calling.requests.len()), (8, 9));
    assert_eq!(calling.answer().calls.len(), 8);
    assert!(
        calling.answer().text.starts_with("This takes more steps"),
        "{}",
        calling.answer().text
    );
    let calls = calling
        .events()
        .iter()
        .filter(|(name, _)| *name == "tool_call")
        .count();
    assert_eq!(calls, 8);
}

#[test]
fn where_the_model_says_nothing_its_tools_are_told() {
    let played = Script::default()
        .calls(&[("complete_task", r#"{"task_id": 3}"#)])
        .stays_silent()
        .play();
    assert_eq!(played.answer().text, "Completed task 3: Buy milk.");
    assert_eq!(
        played.events().last().unwrap(),
        &("token", json!({ "text": "Completed task 3: Buy milk." }))
    );

    let blank = Script::default().says(" \n").play();
    assert!(blank.answer().text.starts_with("I have no answer"));
}

#[test]
fn the_tokens_of_all_rounds_are_summed() {
    let played = Script::default()
        .calls(&[("list_tasks", "{}")])
        .says("One task.")
        .play();
    let body = played.answer().body(Stored {
        conversation: 7,
        message: 41,
    });
    assert_eq!(body["usage"], json!({ "input_tokens": 40, "output_tokens": 10 }));
}

#[test]
fn a_failure_of_the_model_ends_the_turn() {
    let at_once = Script::default().fails(Error::RateLimited(Some(3))).play();
    assert!(at_once.steps.is_empty());
    assert!(matches!(at_once.error, Some(Error::RateLimited(Some(3)))));

    let later = Script::default()
        .calls(&[("list_tasks", "{}")])
        .fails(Error::Unavailable)
        .play();
    assert_eq!(later.steps.len(), 2);
    assert!(matches!(later.error, Some(Error::Unavailable)));

    let timeout = Script::default().finishes(FinishReason::Timeout).play();
    assert!(matches!(timeout.error, Some(Error::Timeout)));
    let error = Script::default().finishes(FinishReason::Error).play();
    assert!(matches!(error.error, Some(Error::Unavailable)));
}

#[test]
fn an_answer_that_is_cut_is_an_answer() {
    assert_eq!(
        Script::default()
            .finishes(FinishReason::MaxTokens)
            .play()
            .answer()
            .text,
        "So far"
    );
}

#[test]
fn a_reply_without_an_end_is_broken() {
    let cut = |pieces: Vec<Result<Event, Error>>| -> Model {
        let mut pieces = Some(pieces);
        Box::new(move |_| Ok(Box::new(pieces.take().unwrap().into_iter())))
    };
    let text = || Ok(Event::Text("Hel".to_owned()));
    for pieces in [vec![text()], vec![text(), Err(Error::Broken)]] {
        let mut turn = Turn::new(vec![], cut(pieces), tools(Rc::default()));
        assert!(matches!(turn.step(), Ok(Step::Token(text)) if text == "Hel"));
        assert!(matches!(turn.step(), Err(Error::Broken)));
    }
}
