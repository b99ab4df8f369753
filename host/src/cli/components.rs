//! `berth components`: the work of its commands.
//!
//! A command prints its result on standard output, and progress and errors on standard error.

use std::fs;
use std::io::{self, IsTerminal};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use berth_database::isolation::schema_name;
use berth_rollout::report::{Outcome, Progress, Report, StepState};
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::admin::AdminOptions;
use super::client::{Client, Swap, decode};
use super::failure::{EXIT_CODES, Failure};
use super::output::{Reader, print};
use super::progress::{self, Steps};
use super::report::{headline, report};
use super::text::joined;
use super::{list, show};
use crate::config::{Config, Variables};
use crate::escape::{escape, escape_json};
use crate::shutdown;

/// The whole command.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Components {
    #[command(flatten)]
    options: AdminOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the components: version, rollout and routes of each
    List,
    /// Show one component: its version, and how far each host is with it
    Show {
        /// The component
        #[arg(value_parser = component_name)]
        name: String,
    },
    /// Swap a new version in: it is checked step by step, and live only if it passes all of them
    #[command(after_help = EXIT_CODES)]
    Push(Push),
    /// Swap a version from before in again
    #[command(after_help = EXIT_CODES)]
    Rollback(Rollback),
    /// List the versions of a component, newest first
    History {
        /// The component
        #[arg(value_parser = component_name)]
        name: String,
    },
    /// Print every swap on the host as it happens, until ctrl-C or SIGTERM
    Watch {
        /// Only of this component
        #[arg(value_parser = component_name)]
        name: Option<String>,
    },
}

#[derive(Args)]
struct Push {
    /// The component's wasm; orders.wasm is a version of the component `orders`
    file: PathBuf,
    /// The component, if the file is not called by its name
    #[arg(long, value_name = "NAME", value_parser = component_name)]
    component: Option<String>,
    /// Only check whether it would go live
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
struct Rollback {
    /// The component
    #[arg(value_parser = component_name)]
    name: String,
    /// The number of the version [default: the one that was live before]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..).try_map(NonZeroU32::try_from))]
    to: Option<NonZeroU32>,
    /// Only check whether it would go live
    #[arg(long)]
    dry_run: bool,
}

impl Components {
    /// Runs the command.
    pub(super) async fn run(&self, variables: &Variables) -> Result<(), Failure> {
        let client = self.options.client(variables)?;
        match &self.command {
            Command::List => self.print(&client.get(&[]).await?, |all: Vec<_>| list::components(&all)),
            Command::Show { name } => self.print(&client.get(&[name]).await?, |one| show::show(&one)),
            Command::History { name } => self.print(&client.get(&[name, "history"]).await?, |all: Vec<_>| {
                list::history(&all)
            }),
            Command::Push(push) => {
                let component = push.component()?;
                let by = pushed_by(variables)?;
                let swap = client.push(&component, read(&push.file)?, by.as_deref(), push.dry_run);
                self.swap(&component, swap).await
            }
            Command::Rollback(Rollback { name, to, dry_run }) => {
                self.swap(name, client.rollback(name, *to, *dry_run)).await
            }
            Command::Watch { name } => {
                let interrupted = shutdown::interrupted().map_err(Failure::Signals)?;
                tokio::select! {
                    result = self.watch(&client, name.as_deref()) => result,
                    () = interrupted => Ok(()),
                }
            }
        }
    }

    /// Prints a response, for people or as JSON.
    fn print<T: DeserializeOwned>(&self, answer: &Value, show: impl Fn(T) -> String) -> Result<(), Failure> {
        let shown = decode(answer).map(show)?;
        print(&if self.options.json {
            one_line(answer)
        } else {
            shown
        })?;
        Ok(())
    }

    /// Swaps, and prints the outcome.
    async fn swap(&self, component: &str, swap: Swap<'_>) -> Result<(), Failure> {
        let came = self.report(component, swap).await;
        verdict(came.map_err(|failure| failure.during_a_swap(component))?)
    }

    /// Runs a swap and prints its steps and its report.
    async fn report(&self, component: &str, swap: Swap<'_>) -> Result<Report, Failure> {
        if self.options.json {
            let answer = swap.report().await?;
            let came = decode(&answer)?;
            print(&one_line(&answer))?;
            Ok(came)
        } else {
            let came = follow(component, swap).await?;
            print(&report(&came))?;
            Ok(came)
        }
    }

    /// Prints events until the host ends.
    async fn watch(&self, client: &Client, component: Option<&str>) -> Result<(), Failure> {
        let mut events = client.watch().await?;
        while let Some(event) = events.next().await? {
            if component.is_some_and(|component| component != component_of(&event.progress)) {
                continue;
            }
            let line = if self.options.json {
                one_line(&event.json)
            } else {
                event_line(&event.progress)
            };
            if print(&line)? == Reader::HasGone {
                return Ok(());
            }
        }
        Err(Failure::BrokenOff("it has ended".to_owned()))
    }
}

impl Push {
    /// The component's name, by default from the file's name.
    fn component(&self) -> Result<String, Failure> {
        if let Some(component) = &self.component {
            return Ok(component.clone());
        }
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        component_name(&stem).map_err(|reason| Failure::Nameless {
            path: self.file.clone(),
            reason,
        })
    }
}

/// Shows the steps of a swap until it is over, and returns the report.
async fn follow(component: &str, swap: Swap<'_>) -> Result<Report, Failure> {
    let mut events = swap.events().await?;
    let mut steps = Steps::new(io::stderr().lock(), io::stderr().is_terminal());
    while let Some(event) = events.next().await? {
        match event.progress {
            Progress::Step { component: of, step } if of == component => {
                // The report contains these steps, so a failure to print them is ignored.
                drop(steps.show(&step));
            }
            Progress::Report { report } if report.component == component => return Ok(report),
            // The event belongs to the swap of another component, which follows from this swap.
            Progress::Step { .. } | Progress::Report { .. } => {}
        }
    }
    Err(Failure::BrokenOff("it has ended before the report".to_owned()))
}

/// Turns a refusal into a failure, for the exit code.
fn verdict(report: Report) -> Result<(), Failure> {
    match (report.outcome, report.failure) {
        (Outcome::Live | Outcome::Unchanged | Outcome::Passed, _) => Ok(()),
        (Outcome::Refused, Some(failure)) => Err(Failure::Refused {
            component: report.component,
            step: failure.step,
        }),
        (Outcome::Refused, None) => Err(Failure::Misunderstood("it was refused at no step".to_owned())),
    }
}

fn component_of(progress: &Progress) -> &str {
    match progress {
        Progress::Step { component, .. } => component,
        Progress::Report { report } => &report.component,
    }
}

/// An event as `watch` prints it. Nothing is printed for the start of a step.
fn event_line(progress: &Progress) -> String {
    match progress {
        Progress::Step { step, .. } if step.state == StepState::Started => String::new(),
        Progress::Step { component, step } => {
            format!("{}: {}\n", escape(component), progress::line(step))
        }
        Progress::Report { report } => {
            let reason = report
                .failure
                .as_ref()
                .map(|failure| format!(": {}", escape(&joined(&failure.reason))));
            format!("{}{}\n", headline(report), reason.unwrap_or_default())
        }
    }
}

/// JSON on a line. Characters that would control a terminal are escaped in JSON's own way.
pub(super) fn one_line(json: &Value) -> String {
    escape_json(&json.to_string()) + "\n"
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| Failure::File {
        path: path.to_owned(),
        error,
    })
}

/// Checks that a text is a valid component name.
pub(super) fn component_name(text: &str) -> Result<String, String> {
    schema_name(text)
        .map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

/// The name of the operator who pushes: `me@laptop`, as far as the system has it.
fn pushed_by(variables: &Variables) -> Result<Option<String>, Failure> {
    let user = Config::user(variables)?;
    let parts: Vec<_> = [user, Config::machine_name()]
        .into_iter()
        .flatten()
        .map(|part| header_text(&part))
        .collect();
    Ok((!parts.is_empty()).then(|| parts.join("@")))
}

/// `text`, reduced to characters that a header may have.
fn header_text(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use serde_json::json;

    use berth_rollout::report::{Failure as Refusal, Step};

    use super::super::test_values::{report as live, step};
    use super::*;

    #[test]
    fn the_files_name_is_the_components() {
        let push = |file: &str, component: Option<&str>| {
            let component = component.map(str::to_owned);
            Push {
                file: file.into(),
                component,
                dry_run: false,
            }
            .component()
        };
        assert_eq!(push("target/todo.wasm", None).unwrap(), "todo");
        assert_eq!(push("target/todo_v2.wasm", Some("todo")).unwrap(), "todo");
        let failure = push("target/todo_v2.wasm", None).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().contains("--component NAME"), "{failure}");
        assert!(push("..", None).is_err());
    }

    #[test]
    fn json_is_one_line_that_does_nothing_to_a_terminal() {
        let json = json!({ "a": "\u{1b}[2J\n\u{9b}\u{7f}\u{202e}ü", "b": [1, 2.5] });
        let line = one_line(&json);
        assert_eq!(
            line,
            "{\"a\":\"\\u001b[2J\\n\\u009b\\u007f\\u202eü\",\"b\":[1,2.5]}\n"
        );
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), json);
    }

    #[test]
    fn a_watcher_sees_steps_that_ended_and_what_came_of_them() {
        let step = |state| {
            let step = step(Step::Compile, state, 812.0, Some("from the code cache"));
            event_line(&Progress::Step {
                component: "todo".to_owned(),
                step,
            })
        };
        let refused = Report {
            outcome: Outcome::Refused,
            failure: Some(Refusal {
                step: Step::Probe,
                reason: "no\nanswer".to_owned(),
                temporary: false,
            }),
            ..live()
        };
        let lines = [
            step(StepState::Started),
            step(StepState::Passed),
            event_line(&Progress::Report { report: live() }),
            event_line(&Progress::Report { report: refused }),
        ];
        insta::assert_snapshot!(lines.concat(), @r"
        todo: passed   compile      812 ms  from the code cache
        todo: version 4 is live in place of 3 (1.24 s)
        todo: version 4 was refused at the step probe; version 3 stays live, nothing was changed (1.24 s): no answer
        ");
    }

    #[test]
    fn a_refusal_without_a_step_is_no_success() {
        let report = Report {
            outcome: Outcome::Refused,
            failure: None,
            ..live()
        };
        assert_eq!(verdict(report).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn who_pushes_is_said_in_plain_characters() {
        assert_eq!(header_text(" jürgen\r\n"), "j?rgen");
        let variables = [("USER", "me")].into_iter().collect();
        assert!(pushed_by(&variables).unwrap().unwrap().starts_with("me"));
    }
}
