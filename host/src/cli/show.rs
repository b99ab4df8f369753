//! `berth components show`: a single component, on every host.

use berth_rollout::report::{ComponentSummary, Origin, Replica, VersionSummary};

use super::table::{labelled, table};
use super::text::{NONE, joined, moment, number, size, word};
use crate::escape::escape;

/// The output of `show`.
pub(super) fn show(component: &ComponentSummary) -> String {
    let mut parts = version(component.live.as_ref());
    let live = component.live.as_ref().map(|version| version.number);
    if component.wanted != live {
        parts.push((
            "wanted",
            component.wanted.iter().map(ToString::to_string).collect(),
        ));
    }
    parts.push(("rollout", vec![component.rollout.clone()]));
    parts.push(("routes", component.routes.clone()));
    let capabilities = component.capabilities.join(", ");
    parts.push((
        "capabilities",
        vec![if capabilities.is_empty() {
            "none".to_owned()
        } else {
            capabilities
        }],
    ));
    let head = escape(&component.name);
    let mut text = format!("{head}\n{}", labelled(&parts));
    if !component.replicas.is_empty() {
        let replicas: Vec<_> = component.replicas.iter().map(replica).collect();
        text.push('\n');
        text += &table(["HOST", "VERSION", "STATE", "SEEN", "DETAIL"], &replicas);
    }
    text
}

fn version(live: Option<&VersionSummary>) -> Vec<(&'static str, Vec<String>)> {
    let Some(version) = live else {
        return vec![("version", vec!["none is live yet".to_owned()])];
    };
    let since = version
        .live_at
        .as_ref()
        .map(|since| format!(", live since {}", moment(since)));
    let origin = match version.origin {
        Origin::Manifest => "the manifest's file".to_owned(),
        Origin::Push => format!("pushed by {}", version.by),
    };
    vec![
        (
            "version",
            vec![format!("{}{}", version.number, since.unwrap_or_default())],
        ),
        (
            "origin",
            vec![format!("{origin}, {}", moment(&version.created_at))],
        ),
        ("digest", vec![version.digest.clone()]),
        ("size", vec![size(version.size)]),
    ]
}

fn replica(replica: &Replica) -> [String; 5] {
    let this = if replica.this { " (this one)" } else { "" };
    [
        format!("{}{this}", replica.host),
        number(replica.number),
        word(&replica.state),
        moment(&replica.seen_at),
        replica.detail.as_deref().map_or_else(|| NONE.to_owned(), joined),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::test_values::summary;
    use super::*;

    #[test]
    fn a_component_is_shown_with_its_version_and_every_host() {
        insta::assert_snapshot!(show(&summary()), @r"
        todo
          version       3, live since 2026-11-23 09:36:30Z
          origin        pushed by me@laptop, 2026-11-23 09:36:28Z
          digest        3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b3b
          size          369.1 KiB
          wanted        4
          rollout       live on 1 of 3, 1 compiling, 1 behind
          routes        /api/tasks/{*rest}
                        /dashboard/{*rest}
          capabilities  identity, postgres

        HOST                 VERSION  STATE      SEEN                  DETAIL
        web-1/17 (this one)  3        compiling  2026-11-25 09:40:00Z  -
        web-2/9              4        live       2026-11-25 09:40:00Z  -
        web-3/11             3        behind     2026-11-25 09:40:00Z  it answers the probe with 500\u{1b}[8m
        ");
    }

    #[test]
    fn a_component_that_starts_has_no_version_yet() {
        let starting = ComponentSummary {
            live: None,
            replicas: Vec::new(),
            ..summary()
        };
        insta::assert_snapshot!(show(&starting), @r"
        todo
          version       none is live yet
          wanted        4
          rollout       live on 1 of 3, 1 compiling, 1 behind
          routes        /api/tasks/{*rest}
                        /dashboard/{*rest}
          capabilities  identity, postgres
        ");
    }
}
