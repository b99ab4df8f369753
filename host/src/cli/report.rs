//! The report of a swap, as the command line prints it.

use berth_rollout::report::{Difference, Failure, Outcome, ProbeAnswer, Report};

use super::table::labelled;
use super::text::{short, time, word};
use crate::escape::escape;

/// The whole report.
pub(super) fn report(report: &Report) -> String {
    let parts = [
        ("reason", report.failure.as_ref().map(reason).unwrap_or_default()),
        ("digest", vec![short(&report.digest)]),
        ("imports", difference(&report.changes.imports)),
        ("exports", difference(&report.changes.exports)),
        ("migrations", difference(&report.changes.migrations)),
        ("probes", report.probes.iter().map(probe).collect()),
    ];
    format!("{}\n{}", headline(report), labelled(&parts))
}

/// The outcome, in a line.
pub(super) fn headline(report: &Report) -> String {
    let version = report
        .number
        .map_or_else(|| "this version".to_owned(), |number| format!("version {number}"));
    let instead = report
        .replaced
        .map(|before| format!(" in place of {before}"))
        .unwrap_or_default();
    let outcome = match report.outcome {
        Outcome::Live => format!("{version} is live{instead}"),
        Outcome::Unchanged => format!("{version} was live already; nothing was done"),
        Outcome::Passed => format!("{version} would go live{instead}; nothing was changed"),
        Outcome::Refused => refusal(report),
    };
    escape(&format!(
        "{}: {outcome} ({})",
        report.component,
        time(report.milliseconds)
    ))
}

fn refusal(report: &Report) -> String {
    let what = report
        .number
        .map(|number| format!("version {number} was "))
        .unwrap_or_default();
    let step = report
        .failure
        .as_ref()
        .map(|failure| format!(" at the step {}", word(&failure.step)));
    let stays = report.replaced.map_or_else(
        || "nothing was changed".to_owned(),
        |before| format!("version {before} stays live, nothing was changed"),
    );
    format!("{what}refused{}; {stays}", step.unwrap_or_default())
}

fn reason(failure: &Failure) -> Vec<String> {
    let again = failure
        .temporary
        .then(|| "This may pass in a moment: try again.".to_owned());
    failure.reason.lines().map(str::to_owned).chain(again).collect()
}

fn difference(difference: &Difference) -> Vec<String> {
    let gained = difference.gained.iter().map(|gained| format!("+ {gained}"));
    gained
        .chain(difference.lost.iter().map(|lost| format!("- {lost}")))
        .collect()
}

fn probe(probe: &ProbeAnswer) -> String {
    let status = probe
        .status
        .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    format!("{}: {status} in {}", probe.request, time(probe.milliseconds))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use berth_rollout::report::{Changes, Step};

    use super::super::test_values::report as live;
    use super::*;

    #[test]
    fn a_version_that_is_live_is_reported_with_all_that_changed() {
        insta::assert_snapshot!(report(&live()), @r"
        todo: version 4 is live in place of 3 (1.24 s)
          digest      4a4a4a4a4a4a
          imports     + wasi:config/store@0.2.0-rc.1
                      - berth:cohere/chat@1.0.0
          exports     + todo:tasks/tasks@1.1.0
          migrations  + 3 add a column
          probes      GET /dashboard/stats: 200 in 12 ms
                      GET /dashboard/stats: 200 in 1.2 ms
        ");
    }

    #[test]
    fn a_refusal_says_where_and_why_and_what_stays() {
        let refused = Report {
            outcome: Outcome::Refused,
            failure: Some(Failure {
                step: Step::Migrations,
                reason: "the table tasks is locked\nby \u{1b}[31mmallory".to_owned(),
                temporary: true,
            }),
            probes: vec![ProbeAnswer {
                request: "GET /slow".to_owned(),
                status: None,
                milliseconds: 10_000.0,
            }],
            changes: Changes::default(),
            ..live()
        };
        insta::assert_snapshot!(report(&refused), @r"
        todo: version 4 was refused at the step migrations; version 3 stays live, nothing was changed (1.24 s)
          reason  the table tasks is locked
                  by \u{1b}[31mmallory
                  This may pass in a moment: try again.
          digest  4a4a4a4a4a4a
          probes  GET /slow: no answer in 10.00 s
        ");
    }

    #[test]
    fn every_outcome_has_its_own_line() {
        let version = NonZeroU32::new;
        let cases = [
            (Outcome::Live, version(1), None),
            (Outcome::Unchanged, version(4), version(4)),
            (Outcome::Passed, None, version(3)),
            (Outcome::Passed, version(2), None),
            (Outcome::Refused, None, None),
        ];
        let lines = cases.map(|(outcome, number, replaced)| {
            headline(&Report {
                outcome,
                number,
                replaced,
                failure: None,
                ..live()
            })
        });
        insta::assert_snapshot!(lines.join("\n"), @r"
        todo: version 1 is live (1.24 s)
        todo: version 4 was live already; nothing was done (1.24 s)
        todo: this version would go live in place of 3; nothing was changed (1.24 s)
        todo: version 2 would go live; nothing was changed (1.24 s)
        todo: refused; nothing was changed (1.24 s)
        ");
    }
}
