//! Manifests of fixtures: the source, the routes and the grants of each component.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::app::ROOT;

/// One component of a manifest.
pub(crate) struct Component {
    name: String,
    source: String,
    routes: Vec<String>,
    lines: Vec<String>,
    limits: BTreeMap<String, String>,
}

impl Component {
    /// The fixture of this name, with `authentication = "optional"`.
    pub(crate) fn new(fixture: &str) -> Self {
        let source = Path::new(ROOT).join(format!("tests/fixtures/{fixture}.wasm"));
        assert!(
            source.exists(),
            "{} is not built: run `cargo xtask test`",
            source.display()
        );
        Self::from_file(fixture, &source)
    }

    /// A component whose file may be anywhere.
    pub(crate) fn from_file(name: &str, source: &Path) -> Self {
        let anybody = "authentication = \"optional\"".to_owned();
        let source = source.to_str().unwrap().to_owned();
        Self {
            name: name.to_owned(),
            source,
            routes: Vec::new(),
            lines: vec![anybody],
            limits: BTreeMap::new(),
        }
    }

    /// Changes the name, so that one fixture can stand for several components.
    pub(crate) fn called(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds routes for this path and for all paths below it.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.routes.push(format!("{path}/{{*rest}}"));
        self
    }

    /// Adds a route.
    pub(crate) fn route(mut self, pattern: &str) -> Self {
        self.routes.push(pattern.to_owned());
        self
    }

    /// Grants these capabilities.
    pub(crate) fn granted(self, capabilities: &[&str]) -> Self {
        self.saying(&format!("capabilities = {capabilities:?}"))
    }

    /// Has the host answer 401 to requests without a token.
    pub(crate) fn for_users(mut self) -> Self {
        self.lines.retain(|line| !line.starts_with("authentication"));
        self
    }

    /// Sets a limit: `cpu`, `"100ms"`.
    pub(crate) fn limited(mut self, limit: &str, value: &str) -> Self {
        self.limits.insert(limit.to_owned(), value.to_owned());
        self
    }

    /// Adds a line to the component's part of the manifest.
    pub(crate) fn saying(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

/// The manifest of these components.
pub(crate) fn manifest(components: impl IntoIterator<Item = Component>) -> String {
    let mut text = String::new();
    for component in components {
        let Component {
            name,
            source,
            routes,
            lines,
            limits,
        } = component;
        writeln!(
            text,
            "[components.{name}]\nsource = {source:?}\nroutes = {routes:?}"
        )
        .unwrap();
        let limits: Vec<_> = limits
            .iter()
            .map(|(limit, value)| format!("{limit} = {value:?}"))
            .collect();
        writeln!(
            text,
            "{}\nlimits = {{ {} }}\n",
            lines.join("\n"),
            limits.join(", ")
        )
        .unwrap();
    }
    text
}
