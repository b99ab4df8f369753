//! `berth log-level`: shows or changes the filter of a running host's log.

use clap::Args;
use serde::Deserialize;

use super::admin::AdminOptions;
use super::client::decode;
use super::components::one_line;
use super::failure::Failure;
use super::output::print;
use crate::config::Variables;
use crate::escape::escape;

/// The whole command.
#[derive(Args)]
pub(super) struct LogLevel {
    /// The new filter, until the host starts again: a level, or `target=level` pairs separated by commas
    filter: Option<String>,
    #[command(flatten)]
    options: AdminOptions,
}

/// The host's answer.
#[derive(Deserialize)]
struct Answer {
    filter: String,
    at_start: String,
}

impl LogLevel {
    /// Runs the command.
    pub(super) async fn run(&self, variables: &Variables) -> Result<(), Failure> {
        let client = self.options.client(variables)?;
        let answer = match &self.filter {
            Some(filter) => client.set_log_level(filter).await?,
            None => client.log_level().await?,
        };
        let shown = show(&decode(&answer)?);
        print(&if self.options.json {
            one_line(&answer)
        } else {
            shown
        })?;
        Ok(())
    }
}

fn show(answer: &Answer) -> String {
    let filter = escape(&answer.filter);
    if answer.filter == answer.at_start {
        format!("{filter}\n")
    } else {
        format!("{filter} (at the start: {})\n", escape(&answer.at_start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_of_the_start_is_named_where_it_differs() {
        let answer = |filter: &str| Answer {
            filter: filter.to_owned(),
            at_start: "info".to_owned(),
        };
        assert_eq!(show(&answer("info")), "info\n");
        assert_eq!(show(&answer("warn")), "warn (at the start: info)\n");
        assert_eq!(show(&answer("\u{1b}")), "\\u{1b} (at the start: info)\n");
    }
}
