//! `berth components list` and `history`: a line for each component or version.

use berth_rollout::report::{ComponentSummary, VersionSummary};

use super::table::table;
use super::text::{NONE, joined, moment, number, short, size, word};

/// The output of `list`.
pub(super) fn components(components: &[ComponentSummary]) -> String {
    if components.is_empty() {
        return "The host has no components.\n".to_owned();
    }
    let rows: Vec<_> = components.iter().map(component).collect();
    table(["NAME", "VERSION", "ROLLOUT", "ROUTES"], &rows)
}

fn component(component: &ComponentSummary) -> [String; 4] {
    [
        component.name.clone(),
        number(component.live.as_ref().map(|version| version.number)),
        component.rollout.clone(),
        component.routes.join(", "),
    ]
}

/// The output of `history`. Versions whose bytes are kept can be rolled back to.
pub(super) fn history(versions: &[VersionSummary]) -> String {
    if versions.is_empty() {
        return "It has no versions yet.\n".to_owned();
    }
    let rows: Vec<_> = versions.iter().map(version).collect();
    table(
        [
            "VERSION", "STATE", "ORIGIN", "BY", "CREATED", "SIZE", "KEPT", "DIGEST", "REASON",
        ],
        &rows,
    )
}

fn version(version: &VersionSummary) -> [String; 9] {
    [
        version.number.to_string(),
        word(&version.state),
        word(&version.origin),
        version.by.clone(),
        moment(&version.created_at),
        size(version.size),
        if version.kept { "yes" } else { "no" }.to_owned(),
        short(&version.digest),
        version.reason.as_deref().map_or_else(|| NONE.to_owned(), joined),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::test_values::{summary, versions};
    use super::*;

    #[test]
    fn components_are_listed_with_their_version_and_rollout() {
        let starting = ComponentSummary {
            name: "starts".to_owned(),
            live: None,
            rollout: "starting".to_owned(),
            routes: Vec::new(),
            ..summary()
        };
        insta::assert_snapshot!(components(&[summary(), starting]), @r"
        NAME    VERSION  ROLLOUT                                ROUTES
        todo    3        live on 1 of 3, 1 compiling, 1 behind  /api/tasks/{*rest}, /dashboard/{*rest}
        starts  -        starting
        ");
    }

    #[test]
    fn versions_are_listed_with_what_became_of_them() {
        insta::assert_snapshot!(history(&versions()), @r#"
        VERSION  STATE    ORIGIN    BY                 CREATED               SIZE       KEPT  DIGEST        REASON
        4        refused  push      me@laptop\u{7}     2026-11-24 09:36:28Z  370.1 KiB  yes   4b4b4b4b4b4b  it imports berth:cohere/chat, which is not granted: add "cohere" to its capabilities
        3        live     push      me@laptop          2026-11-23 09:36:28Z  369.1 KiB  yes   3b3b3b3b3b3b  -
        2        retired  push      someone.else@desk  2026-11-22 09:36:28Z  368.2 KiB  yes   2b2b2b2b2b2b  -
        1        retired  manifest  berth.toml         2026-11-21 09:36:28Z  367.2 KiB  no    1b1b1b1b1b1b  -
        "#);
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(components(&[]), "The host has no components.\n");
        assert_eq!(history(&[]), "It has no versions yet.\n");
    }
}
