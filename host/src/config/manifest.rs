//! `berth.toml`: the components, what each may do and what it may cost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use berth_runtime::{AllowedDestination, Capability, ComponentSpec, Limits, Settings};
use http::Method;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::faults::{Faults, ManifestFault, Misplaced, Read};
use super::pattern::{Claims, Pattern};
use super::value::{Value, VariableName};
use super::written::{File, Interface, OneOrMore, Parsed, Written};
use super::{ConfigError, Variables};

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
    pub config: Settings,
    /// Its environment variables.
    pub environment: Settings,
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
    /// As every request: the component authenticates by itself. The host looks for no token, and passes `Authorization` on
    /// unless it is the host's own token.
    None,
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
    /// not name are `default`, and values that it takes from the host's environment are those of `variables`.
    pub fn read(path: &Path, default: &Limits, variables: &Variables) -> Result<Self, ConfigError> {
        let no_manifest = |error| ConfigError::NoManifest { path: path.to_owned(), error };
        let text = fs::read_to_string(path).map_err(no_manifest)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, directory, default, variables).map_err(|faults| {
            let file = path.display().to_string();
            ConfigError::Manifest(
                faults.iter().map(|fault| ManifestFault::new(&file, &text, fault)).collect(),
            )
        })
    }

    fn parse(
        text: &str,
        directory: &Path,
        default: &Limits,
        variables: &Variables,
    ) -> Result<Self, Vec<Misplaced>> {
        let mut faults = Faults::default();
        let components = match faults.parse(text) {
            Some(root) => components(root, &mut faults),
            None => Vec::new(),
        };
        let names: Vec<_> = components.iter().map(|(name, _)| name.get_ref().clone()).collect();
        let mut claims = Claims::default();
        for (name, read) in &components {
            for route in read.iter().flat_map(|Read { value, .. }| &value.routes) {
                let claimed = claims.claim(name.get_ref(), &route.get_ref().0);
                faults.take(claimed.map_err(|reason| Misplaced::at(route.span(), reason)));
            }
        }
        drop(claims);
        let place = Place { names: &names, directory, default, variables };
        let check = |(name, read): (_, Option<Read<Written>>)| {
            let is_named = faults.take(check_name(&name));
            let component = read?.check(name.into_inner(), &place, &mut faults);
            is_named.and(component)
        };
        let components = components.into_iter().filter_map(check).collect();
        faults.none_or(Self { components })
    }
}

/// The components of the whole file by name, as far as they can be read.
fn components(
    mut root: Spanned<DeValue<'_>>,
    faults: &mut Faults,
) -> Vec<(Spanned<String>, Option<Read<Written>>)> {
    let table = match root.get_mut() {
        DeValue::Table(table) => table.remove("components").map(Spanned::into_inner),
        _ => None,
    };
    // What is left of it has keys that the file does not have.
    faults.read::<File>(root);
    let Some(DeValue::Table(table)) = table else { return Vec::new() };
    let read = |(name, value): (Spanned<DeString<'_>>, _)| {
        let name = Spanned::new(name.span(), name.into_inner().into_owned());
        (name, faults.read(value))
    };
    table.into_iter().map(read).collect()
}

/// What the components of a manifest have in common.
struct Place<'a> {
    names: &'a [String],
    directory: &'a Path,
    default: &'a Limits,
    variables: &'a Variables,
}

impl Place<'_> {
    fn resolve(
        &self,
        written: impl IntoIterator<Item = (String, Spanned<Value>)>,
        faults: &mut Faults,
    ) -> Settings {
        let resolve = |(key, value): (String, Spanned<Value>)| {
            let resolved = value.get_ref().resolve(self.directory, self.variables);
            Some((key, faults.take(resolved.map_err(|reason| Misplaced::at(value.span(), reason)))?))
        };
        Settings(written.into_iter().filter_map(resolve).collect())
    }
}

impl Read<Written> {
    /// The component, if it has no fault. What could not be read has been said already.
    fn check(self, name: String, place: &Place<'_>, faults: &mut Faults) -> Option<Component> {
        let Self { value: written, is_whole } = self;
        let source = faults.take(check_source(&written.source, place.directory));
        let imports = faults.take(check_imports(written.imports, place.names));
        if !is_whole {
            return None;
        }
        let capabilities: BTreeSet<_> =
            written.capabilities.into_iter().map(|Parsed(capability)| capability).collect();
        if let Some(config) = &written.config
            && !capabilities.contains(&Capability::Config)
        {
            let reason =
                "nothing can read this: add \"config\" to the component's capabilities, or leave it away";
            faults.add(Misplaced::at(config.span(), reason));
        }
        let config = written.config.map(Spanned::into_inner).unwrap_or_default();
        let config = place.resolve(config, faults);
        let environment = written.environment.into_iter();
        let environment = environment.map(|(Parsed(VariableName(name)), value)| (name, value));
        let environment = place.resolve(environment, faults);
        let routes: Vec<_> = written.routes.into_iter().map(|route| route.into_inner().0).collect();
        let probes = written.probe.map_or(Ok(Vec::new()), |probes| check_probes(probes, &routes));
        let probes = faults.take(probes);
        Some(Component {
            name,
            source: source?,
            routes,
            capabilities,
            limits: written.limits.or(place.default),
            probes: probes?,
            config,
            environment,
            authentication: written.authentication,
            imports: imports?,
            outgoing: written.outgoing.into_iter().map(|Parsed(destination)| destination).collect(),
        })
    }
}

fn check_source(written: &Spanned<PathBuf>, directory: &Path) -> Result<PathBuf, Misplaced> {
    let source = directory.join(written.get_ref());
    if source.is_file() {
        return Ok(source);
    }
    let reason = format!(
        "there is no file {}: build the component and put it there, or correct the path",
        source.display()
    );
    Err(Misplaced::at(written.span(), reason))
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
            environment: self.environment.clone(),
            outgoing: self.outgoing.clone(),
            imports: self.imports.clone(),
            routes: self.routes.iter().map(Pattern::to_string).collect(),
            authentication_required: self.authentication == Authentication::Required,
            authenticates_itself: self.authentication == Authentication::None,
        }
    }
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
        let components = Manifest::read(&path, &Limits::default(), &Variables::default()).unwrap().components;
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
        assert!(todo.config.0.iter().map(|(key, value)| (&**key, &**value)).eq(config));
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
        let faults =
            Manifest::parse(text, directory.path(), &Limits::default(), &Variables::default()).unwrap_err();
        let shown = faults.iter().map(|fault| {
            let ManifestFault { line, column, reason, .. } = ManifestFault::new("", text, fault);
            let reason = reason.replace(&*directory.path().to_string_lossy(), "DIRECTORY");
            assert!(!reason.contains('\n'), "{reason}");
            format!("{line}:{column}: {reason}")
        });
        shown.collect::<Vec<_>>().join("\n")
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
            "/a/:id",
            "/a/*",
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
    fn all_faults_are_told_at_once_and_none_that_follows_from_another() {
        let text = r#"
            [component.todo]
            [components.todo]
            source = "todo.wasm"
            routes = ["/a/:id", "/a/{*rest}", "/health"]
            probe = "GET /b"
            colour = "red"
            limits = { memory = "much", tmie = "1s" }
            [components.hello]
            source = "missing.wasm"
            routes = ["/a"]
            capabilities = ["postgers", "telephone"]
            imports = { "a:b/c" = "nobody" }
            [components.third]
            routes = ["/third"]
            [components.Fourth]
            source = 4
            routes = ["/fourth"]
        "#;
        insta::assert_snapshot!(refusal_of(text));
    }

    #[test]
    fn values_come_from_the_hosts_environment_and_from_files() {
        let directory = directory();
        fs::write(directory.path().join("token"), "from a file\r\n").unwrap();
        let variables = [("STRIPE_KEY", "hidden"), ("JWT_SECRET", "hidden")].into_iter().collect();
        let parse = |more: &str| {
            let text = format!("[components.todo]\nsource = \"todo.wasm\"\nroutes = []\n{more}");
            Manifest::parse(&text, directory.path(), &Limits::default(), &variables)
        };
        let manifest = parse(
            "capabilities = [\"config\"]\nconfig = { key = { env = \"STRIPE_KEY\" } }\n\
             environment = { A = 1, TOKEN = { file = \"token\" } }",
        );
        let todo = &manifest.unwrap().components[0];
        assert_eq!(todo.config.0["key"], "hidden");
        assert_eq!((&*todo.environment.0["A"], &*todo.environment.0["TOKEN"]), ("1", "from a file"));
        assert!(!format!("{todo:?} {:?} {variables:?}", todo.spec()).contains("hidden"));
        for (value, reason) in [
            ("{ env = \"MISSING\" }", "the environment of the host has no MISSING"),
            ("{ env = \"JWT_SECRET\" }", "no component reads"),
            ("{ file = \"missing\" }", "cannot be read"),
            ("{ evn = \"A\" }", "write a string, { env"),
            ("[]", "not arrays"),
        ] {
            let faults = parse(&format!("environment = {{ A = {value} }}")).unwrap_err();
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].reason.contains(reason), "{faults:?}");
        }
        assert!(parse("environment = { \"A=B\" = 1 }").is_err());
    }

    #[test]
    fn everything_below_the_root_is_the_root_too() {
        let text = "[components.todo]\nsource = \"todo.wasm\"\nroutes = [\"/{*rest}\"]\nprobe = \"GET /\"";
        let manifest =
            Manifest::parse(text, directory().path(), &Limits::default(), &Variables::default()).unwrap();
        assert!(manifest.components[0].routes[0].answers_root());
        let twice = format!("{text}\n[components.hello]\nsource = \"hello.wasm\"\nroutes = [\"/\"]");
        assert!(refusal_of(&twice).contains("clashes"));
    }

    #[test]
    fn a_literal_segment_beside_a_parameter_is_no_clash() {
        let text = "[components.todo]\nsource = \"todo.wasm\"\n\
                    routes = [\"/api/{user_id}/tasks/{*rest}\", \"/api/auth-codes/tasks/{*rest}\", \"/{*rest}\"]";
        assert!(Manifest::parse(text, directory().path(), &Limits::default(), &Variables::default()).is_ok());
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
            Manifest::read(Path::new("/nowhere/berth.toml"), &Limits::default(), &Variables::default())
                .unwrap_err()
                .to_string();
        insta::assert_snapshot!(error, @"BERTH_MANIFEST: /nowhere/berth.toml cannot be read (No such file or directory (os error 2)): name the manifest, or start in the directory of berth.toml");
    }
}
