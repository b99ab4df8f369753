//! `berth.toml`: the components, what each may do and what it may cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use berth_runtime::{AllowedDestination, Capability, ComponentSpec, Limits};
use http::Method;
use serde::Deserialize;
use toml::Spanned;

use super::ConfigError;
use super::pattern::{Claims, Pattern};
use super::written::{File, Interface, OneOrMore, Parsed, Scalar, Written};

/// The components, by name.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// In alphabetical order.
    pub components: Vec<Component>,
}

/// One component, as `[components.NAME]` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// A lower-case letter, then letters, digits and dashes; at most 31. Names its schema and its role in the database too.
    pub name: String,
    /// The file, which was there when the manifest was read.
    pub source: PathBuf,
    /// The paths that it answers. No two components have the same.
    pub routes: Vec<Pattern>,
    /// What it is granted.
    pub capabilities: BTreeSet<Capability>,
    /// What one request may cost.
    pub limits: Limits,
    /// The requests that a new version must answer before it goes live.
    pub probes: Vec<Probe>,
    /// What `wasi:config/store` answers.
    pub config: BTreeMap<String, String>,
    /// Who turns away a request without a token.
    pub authentication: Authentication,
    /// Where it may send requests to.
    pub outgoing: Vec<AllowedDestination>,
    /// Which component answers which of its imports, by interface: `todo:tasks/tasks`, with or without a version.
    pub imports: BTreeMap<String, String>,
}

/// What becomes of a request without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authentication {
    /// The host answers 401 and the component never sees it.
    #[default]
    Required,
    /// The component sees it, and decides.
    Optional,
}

/// A request without a body that changes nothing: `GET /dashboard/stats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// GET or HEAD.
    pub method: Method,
    /// The path, with its query if it has one.
    pub path: String,
}

impl Manifest {
    /// Reads and checks the manifest at `path`. Files that it names are relative to its own directory; limits that it does
    /// not name are `default`.
    pub fn read(path: &Path, default: &Limits) -> Result<Self, ConfigError> {
        let no_manifest = |error| ConfigError::NoManifest { path: path.to_owned(), error };
        let text = fs::read_to_string(path).map_err(no_manifest)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, directory, default).map_err(|Misplaced { place, reason }| {
            let (line, column) = line_and_column(&text, place.start);
            ConfigError::Manifest { file: path.display().to_string(), line, column, reason }
        })
    }

    fn parse(text: &str, directory: &Path, default: &Limits) -> Result<Self, Misplaced> {
        let file: File = toml::from_str(text).map_err(|error| Misplaced::from_toml(&error))?;
        let mut claims = Claims::default();
        for (name, written) in &file.components {
            for route in &written.routes {
                claims
                    .claim(name.get_ref(), &route.get_ref().0)
                    .map_err(|reason| Misplaced::at(route.span(), reason))?;
            }
        }
        drop(claims);
        let names: Vec<_> = file.components.keys().map(|name| name.get_ref().clone()).collect();
        let components = file
            .components
            .into_iter()
            .map(|(name, written)| written.check(name, &names, directory, default))
            .collect::<Result<_, _>>()?;
        Ok(Self { components })
    }
}

impl Written {
    fn check(
        self,
        name: Spanned<String>,
        names: &[String],
        directory: &Path,
        default: &Limits,
    ) -> Result<Component, Misplaced> {
        check_name(&name)?;
        let source = directory.join(self.source.get_ref());
        if !source.is_file() {
            let reason = format!(
                "there is no file {}: build it with `cargo xtask build`, or correct the path",
                source.display()
            );
            return Err(Misplaced::at(self.source.span(), reason));
        }
        let capabilities: BTreeSet<_> =
            self.capabilities.into_iter().map(|Parsed(capability)| capability).collect();
        if let Some(config) = &self.config
            && !capabilities.contains(&Capability::Config)
        {
            let reason =
                "nothing can read this: add \"config\" to the component's capabilities, or leave it away";
            return Err(Misplaced::at(config.span(), reason));
        }
        let config = self.config.map(Spanned::into_inner).unwrap_or_default();
        let routes: Vec<_> = self.routes.into_iter().map(|route| route.into_inner().0).collect();
        let probes = self.probe.map(|probes| check_probes(probes, &routes)).transpose()?.unwrap_or_default();
        Ok(Component {
            name: name.into_inner(),
            source,
            routes,
            capabilities,
            limits: self.limits.or(default),
            probes,
            config: config.into_iter().map(|(key, Scalar(value))| (key, value)).collect(),
            authentication: self.authentication,
            imports: check_imports(self.imports, names)?,
            outgoing: self.outgoing.into_iter().map(|Parsed(destination)| destination).collect(),
        })
    }
}

fn check_name(name: &Spanned<String>) -> Result<(), Misplaced> {
    // A component's schema is named after it, and its role after the schema.
    berth_database::isolation::schema_name(name.get_ref())
        .map(drop)
        .map_err(|error| Misplaced::at(name.span(), error.to_string()))
}

fn check_imports(
    imports: BTreeMap<Parsed<Interface>, Spanned<String>>,
    names: &[String],
) -> Result<BTreeMap<String, String>, Misplaced> {
    let check = |(Parsed(Interface(interface)), component): (_, Spanned<String>)| {
        if names.contains(component.get_ref()) {
            return Ok((interface, component.into_inner()));
        }
        let (unknown, known) = (component.get_ref(), names.join(", "));
        Err(Misplaced::at(component.span(), format!("there is no component {unknown:?}; there are: {known}")))
    };
    imports.into_iter().map(check).collect()
}

fn check_probes(probes: Spanned<OneOrMore<Probe>>, routes: &[Pattern]) -> Result<Vec<Probe>, Misplaced> {
    let mut own = matchit::Router::new();
    for path in routes.iter().flat_map(|route| [Some(route.as_str()), route.parent()]).flatten() {
        own.insert(path, ()).map_err(|error| Misplaced::at(probes.span(), error.to_string()))?;
    }
    let leads_nowhere = |probe: &&Probe| own.at(probe.path.split('?').next().unwrap_or(&probe.path)).is_err();
    if let Some(Probe { path, .. }) = probes.get_ref().0.iter().find(leads_nowhere) {
        let reason = format!("no route of this component leads to {path:?}: probe one of its own");
        return Err(Misplaced::at(probes.span(), reason));
    }
    Ok(probes.into_inner().0)
}

impl Component {
    /// What the runtime has to know of it.
    #[must_use]
    pub fn spec(&self) -> ComponentSpec {
        ComponentSpec {
            name: self.name.clone(),
            capabilities: self.capabilities.clone(),
            limits: self.limits.clone(),
            config: self.config.clone(),
            outgoing: self.outgoing.clone(),
            imports: self.imports.clone(),
            routes: self.routes.iter().map(Pattern::to_string).collect(),
            authentication_required: self.authentication == Authentication::Required,
        }
    }
}

/// A fault of the manifest and the bytes that it is about.
struct Misplaced {
    place: Range<usize>,
    reason: String,
}

impl Misplaced {
    fn at(place: Range<usize>, reason: impl Into<String>) -> Self {
        Self { place, reason: reason.into() }
    }

    fn from_toml(error: &toml::de::Error) -> Self {
        let mut reason = error.message().replace('\n', " ");
        if let Some(meant) = meant(&reason) {
            reason = format!("{reason}: did you mean `{meant}`?");
        }
        Self::at(error.span().unwrap_or_default(), reason)
    }
}

/// The known word that an unknown one resembles. Messages about words have the one that is there first and those
/// that could be there after it, each between backticks.
fn meant(message: &str) -> Option<&str> {
    let mut words = message.split('`').skip(1).step_by(2);
    let written = words.next()?;
    words
        .map(|known| (strsim::damerau_levenshtein(written, known), known))
        .filter(|(distance, known)| *distance * 3 <= known.len())
        .min()
        .map(|(_, known)| known)
}

fn line_and_column(text: &str, place: usize) -> (usize, usize) {
    let before = text.get(..place).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::time::Duration;

    use berth_runtime::LogLimits;

    use super::*;

    const WHOLE: &str = r#"
        [components.todo]
        source = "todo.wasm"
        routes = ["/api/tasks/{*rest}", "/api/stats", "/api/{user_id}/tasks/{*rest}", "/dashboard/{*rest}"]
        capabilities = ["postgres", "identity", "config"]
        limits = { memory = "128MiB", time = "2s 500ms", cpu = "1s", concurrency = 8, body = 1048577, rows = "5", result = "1KiB", log_lines = 7, log_bytes = "2KiB", log_burst = "3s" }
        probe = "GET /dashboard/stats?day=1"
        config = { greeting = "hello", retries = 3, verbose = true }
        authentication = "optional"
        outgoing = ["https://api.example.com:443", "http://localhost:9000/"]
        imports = { "greetings:hello/hello" = "hello" }

        [components.hello]
        source = "hello.wasm"
        routes = ["/hello"]
    "#;

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for name in ["todo.wasm", "hello.wasm"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        directory
    }

    #[test]
    fn every_key_is_read() {
        let directory = directory();
        let path = directory.path().join("berth.toml");
        fs::write(&path, WHOLE).unwrap();
        let components = Manifest::read(&path, &Limits::default()).unwrap().components;
        assert_eq!(components.len(), 2);
        let (hello, todo) = (&components[0], &components[1]);

        assert_eq!((&*hello.name, hello.authentication), ("hello", Authentication::Required));
        assert_eq!(hello.limits, Limits::default());
        assert!(hello.capabilities.is_empty() && hello.outgoing.is_empty() && hello.probes.is_empty());

        assert_eq!((&*todo.name, todo.authentication), ("todo", Authentication::Optional));
        assert_eq!(todo.source, directory.path().join("todo.wasm"));
        assert_eq!(todo.routes[0].parent(), Some("/api/tasks"));
        assert_eq!(
            todo.capabilities,
            [Capability::Postgres, Capability::Identity, Capability::Config].into()
        );
        assert_eq!(
            todo.limits,
            Limits {
                memory: 128 * 1024 * 1024,
                time: Duration::from_millis(2500),
                cpu: Duration::from_secs(1),
                concurrency: 8,
                body: 1_048_577,
                rows: 5,
                result: 1024,
                log: LogLimits { lines: 7, bytes: 2048, burst: Duration::from_secs(3) },
            }
        );
        let probe = Probe { method: Method::GET, path: "/dashboard/stats?day=1".to_owned() };
        assert_eq!(todo.probes, [probe]);
        let config = [("greeting", "hello"), ("retries", "3"), ("verbose", "true")];
        assert!(todo.config.iter().map(|(key, value)| (&**key, &**value)).eq(config));
        let destinations =
            ["https://api.example.com", "http://localhost:9000"].map(|origin| origin.parse().unwrap());
        assert_eq!(todo.outgoing, destinations);
        assert_eq!(todo.imports["greetings:hello/hello"], "hello");
    }

    /// What the manifest is refused with when `component` is in it.
    fn refusal(component: &str) -> String {
        refusal_of(&format!("[components.todo]\nsource = \"todo.wasm\"\n{component}"))
    }

    fn refusal_of(text: &str) -> String {
        let directory = directory();
        let Misplaced { place, reason } =
            Manifest::parse(text, directory.path(), &Limits::default()).unwrap_err();
        let (line, column) = line_and_column(text, place.start);
        let reason = reason.replace(&*directory.path().to_string_lossy(), "DIRECTORY");
        assert!(!reason.contains('\n'), "{reason}");
        format!("{line}:{column}: {reason}")
    }

    #[test]
    fn what_a_component_may_not_say_names_the_place_and_the_remedy() {
        let refusals = [
            "routes = [",
            "rotues = []",
            "sources = 1",
            "routes = [1]",
            "routes = []\ncolour = \"red\"",
            "routes = []\ncapabilities = [\n  \"identity\",\n  \"postgre\",\n]",
            "routes = []\ncapabilities = [\"telephone\"]",
            "routes = []\nlimits = { memry = \"1MiB\" }",
            "routes = []\nlimits = { memory = \"1023KiB\" }",
            "routes = []\nlimits = { memory = \"much\" }",
            "routes = []\nlimits = { time = 10 }",
            "routes = []\nlimits = { concurrency = 0 }",
            "routes = []\nlimits = { concurrency = true }",
            "routes = []\nprobe = \"POST /\"",
            "routes = [\"/a/{*rest}\"]\nprobe = \"GET /b\"",
            "routes = [\"/a/{*rest}\"]\nprobe = [\"GET /a\", \"GET /b\"]",
            "routes = []\nprobe = [\"GET /a\", \"/b\"]",
            "routes = []\nprobe = 1",
            "routes = []\nconfig = { a = \"b\" }",
            "routes = []\ncapabilities = [\"config\"]\nconfig = { a = [] }",
            "routes = []\nauthentication = \"require\"",
            "routes = []\noutgoing = [\"api.example.com\"]",
            "routes = []\noutgoing = [\"https://example.com/path\"]",
            "routes = []\nimports = { tasks = \"todo\" }",
            "routes = []\nimports = { \"berth:identity/caller\" = \"todo\" }",
            "routes = []\nimports = { \"todo:tasks/tasks\" = \"tood\" }",
        ];
        insta::assert_snapshot!(refusals.map(refusal).join("\n"));
    }

    #[test]
    fn routes_that_cannot_be_used_are_refused() {
        let refusals = [
            "tasks",
            "/tasks/",
            "/a//b",
            "/a?b=c",
            "/a b",
            "/a/{",
            "/a/{b}{c}",
            "/a/{*rest}/b",
            "/",
            "/health",
            "/docs/x",
            "/auth/login",
            "/api/auth/{*rest}",
            "/auth",
        ];
        insta::assert_snapshot!(refusals.map(|route| refusal(&format!("routes = [{route:?}]"))).join("\n"));
    }

    #[test]
    fn routes_that_clash_are_refused_and_both_are_named() {
        let clash = |todo: &str, hello: &str| {
            refusal_of(&format!(
                "[components.todo]\nsource = \"todo.wasm\"\nroutes = {todo}\n\
                 [components.hello]\nsource = \"hello.wasm\"\nroutes = {hello}"
            ))
        };
        let clashes = [
            clash(r#"["/a"]"#, r#"["/a"]"#),
            clash(r#"["/{user_id}/a"]"#, r#"["/{name}/a"]"#),
            clash(r#"["/a/{*rest}"]"#, r#"["/a"]"#),
            clash(r#"["/a/{*rest}"]"#, r#"["/a/{id}"]"#),
            clash(r#"["/a", "/b", "/a"]"#, "[]"),
            clash(r#"["/a/{*rest}", "/a"]"#, "[]"),
        ];
        insta::assert_snapshot!(clashes.join("\n"));
    }

    #[test]
    fn a_literal_segment_beside_a_parameter_is_no_clash() {
        let text = "[components.todo]\nsource = \"todo.wasm\"\n\
                    routes = [\"/api/{user_id}/tasks/{*rest}\", \"/api/auth-codes/tasks/{*rest}\", \"/{*rest}\"]";
        assert!(Manifest::parse(text, directory().path(), &Limits::default()).is_ok());
    }

    #[test]
    fn components_have_names_that_a_database_takes_and_files_that_exist() {
        let named =
            |name: &str| refusal_of(&format!("[components.{name:?}]\nsource = \"todo.wasm\"\nroutes = []"));
        let long = "a".repeat(32);
        let refusals = ["", "Todo", "1st", "a_b", "public", "pg-catalog", &long].map(named);
        let missing = refusal_of("[components.todo]\nsource = \"missing.wasm\"\nroutes = []");
        let nameless = refusal_of("[component.todo]\nsource = \"todo.wasm\"\nroutes = []");
        insta::assert_snapshot!(format!("{}\n{missing}\n{nameless}", refusals.join("\n")));
    }

    #[test]
    fn a_manifest_that_is_not_there_is_refused_by_its_variable() {
        let error =
            Manifest::read(Path::new("/nowhere/berth.toml"), &Limits::default()).unwrap_err().to_string();
        insta::assert_snapshot!(error, @"BERTH_MANIFEST: /nowhere/berth.toml cannot be read (No such file or directory (os error 2)): name the manifest, or start in the directory of berth.toml");
    }
}
