//! The failures of `berth components`, and the exit code of each, so that a script can tell them apart.

use std::io;
use std::path::PathBuf;

use berth_rollout::report::Step;
use http::StatusCode;
use reqwest::Url;

use super::text::word;
use crate::config::ConfigError;

/// The exit codes, as `--help` shows them.
pub(super) const EXIT_CODES: &str = "\
Exit codes:
   0  done: the version is live, was live already, or passed the dry run
   1  any failure that is not below
   2  the command line cannot be understood
   3  the host cannot be reached
   4  the host does not allow it: ADMIN_TOKEN is missing or wrong
   5  another swap is under way
   6  there is no such component or version
  10  refused: more bytes than a component may have     (size)
  11  refused: not a component, or not one for a host   (kind)
  12  refused: it does not compile in time              (compile)
  13  refused: it imports what it is not granted        (imports)
  14  refused: it does not export what it must          (exports)
  15  refused: its tables cannot be made                (migrations)
  16  refused: it does not answer the probes            (probe)
  17  refused: it could not be made live                (live)

After 3 to 16 nothing was changed, and after 17 nothing but, at most, the tables.";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address in the environment gives no valid URL.
    #[error("ADMIN_ADDR: it makes no URL ({0}): say by --admin where the host is")]
    Address(String),
    /// The token cannot be a header's value.
    #[error("ADMIN_TOKEN: it cannot be sent: write it as one line of plain characters")]
    Token,
    /// The name of the file to push names no component.
    #[error("{} does not say which component it is ({reason}): add --component NAME", path.display())]
    Nameless {
        /// The file.
        path: PathBuf,
        /// Why the file's name is no component's name.
        reason: String,
    },
    /// The file to push cannot be read.
    #[error("{} cannot be read: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The HTTP client cannot be made.
    #[error("the HTTP client does not start: {0}; for https it needs the system's CA certificates")]
    Client(reqwest::Error),
    /// The host cannot be reached.
    #[error(
        "{url} cannot be reached ({reason}): start the host, or say by ADMIN_ADDR or --admin where it is"
    )]
    Unreachable {
        /// The URL of the admin API.
        url: Url,
        /// The system's error.
        reason: String,
    },
    /// Status 401 or 403.
    #[error("the host does not allow it ({0}): set ADMIN_TOKEN or ADMIN_TOKEN_FILE to the host's token")]
    NotAllowed(String),
    /// Status 409.
    #[error("{0}")]
    Busy(String),
    /// Status 404.
    #[error("{0}")]
    Unknown(String),
    /// Status 413: the component was refused at the first step, before a report could be made.
    #[error("{0}")]
    TooLarge(String),
    /// Any other error status.
    #[error("the host answers {status}: {detail}")]
    Status {
        /// The status.
        status: StatusCode,
        /// The host's error.
        detail: String,
    },
    /// The response is not one of the admin API.
    #[error("the host's answer cannot be understood ({0}): is this the admin API of a host of this version?")]
    Misunderstood(String),
    /// The connection was lost, or the response timed out.
    #[error("the host has broken off: {0}")]
    BrokenOff(String),
    /// The connection was lost in the middle of a swap.
    #[error(
        "the host has broken off ({reason}): see by `berth components history {component}` what came of it"
    )]
    Unfinished {
        /// The component.
        component: String,
        /// The error.
        reason: String,
    },
    /// The component was refused. The printed report has the reason.
    #[error("{component} was refused at the step {}", word(step))]
    Refused {
        /// The component.
        component: String,
        /// The step that failed.
        step: Step,
    },
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(io::Error),
    /// Standard output cannot be written, for example because the disk is full.
    #[error("this cannot be printed: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    /// The failure for an error status. `detail` is the sentence in the response.
    pub(super) fn from_status(status: StatusCode, detail: String) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::NotAllowed(detail),
            StatusCode::NOT_FOUND => Self::Unknown(detail),
            StatusCode::CONFLICT => Self::Busy(detail),
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(detail),
            status => Self::Status { status, detail },
        }
    }

    /// The failure, for a swap that may have gone on.
    pub(super) fn during_a_swap(self, component: &str) -> Self {
        match self {
            Self::BrokenOff(reason) => Self::Unfinished {
                component: component.to_owned(),
                reason,
            },
            other => other,
        }
    }

    /// The exit code: see [`EXIT_CODES`].
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Self::Nameless { .. } => 2,
            Self::Unreachable { .. } => 3,
            Self::NotAllowed(_) => 4,
            Self::Busy(_) => 5,
            Self::Unknown(_) => 6,
            Self::TooLarge(_) => exit_code_of_step(Step::Size),
            Self::Refused { step, .. } => exit_code_of_step(*step),
            Self::Config(_)
            | Self::Address(_)
            | Self::Token
            | Self::File { .. }
            | Self::Client(_)
            | Self::Status { .. }
            | Self::Misunderstood(_)
            | Self::BrokenOff(_)
            | Self::Unfinished { .. }
            | Self::Signals(_)
            | Self::Output(_) => 1,
        }
    }
}

/// The exit code of a step: from 10, in the order of the steps.
fn exit_code_of_step(step: Step) -> u8 {
    10 + step as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_has_an_exit_code_and_the_help_has_it_too() {
        for (code, step) in (10..).zip(Step::ALL) {
            let failure = Failure::Refused {
                component: "todo".to_owned(),
                step,
            };
            assert_eq!(failure.exit_code(), code);
            let documented = EXIT_CODES
                .lines()
                .find(|line| line.ends_with(&format!("({})", word(&step))));
            assert!(
                documented.is_some_and(|line| line.trim().starts_with(&code.to_string())),
                "{code}"
            );
        }
    }

    #[test]
    fn the_page_of_operations_has_the_same_exit_codes() {
        let page = include_str!("../../../docs/operations.md").replace('`', "");
        let codes: Vec<_> = EXIT_CODES.lines().filter(|line| line.starts_with(' ')).collect();
        assert_eq!(codes.len(), 15);
        for line in codes {
            let words: Vec<_> = line.split_whitespace().collect();
            let row = format!("| {} | {} |", words[0], words[1..].join(" "));
            assert!(page.contains(&row), "{row}");
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let code = |status| Failure::from_status(status, String::new()).exit_code();
        assert_eq!(code(StatusCode::UNAUTHORIZED), 4);
        assert_eq!(code(StatusCode::FORBIDDEN), 4);
        assert_eq!(code(StatusCode::CONFLICT), 5);
        assert_eq!(code(StatusCode::NOT_FOUND), 6);
        assert_eq!(code(StatusCode::PAYLOAD_TOO_LARGE), 10);
        assert_eq!(code(StatusCode::UNSUPPORTED_MEDIA_TYPE), 1);
        assert_eq!(code(StatusCode::SERVICE_UNAVAILABLE), 1);
    }
}
