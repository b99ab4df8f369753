//! `berth.toml`: the components, their capabilities and their limits, and the directories of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use berth_database::RowRules;
use berth_runtime::{
    AllowedDestination, Authorities, Capability, ComponentSpec, Limits, Probe, RoutePattern, Settings,
};
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeString, DeValue};

use super::claims::Claims;
use super::faults::{Faults, ManifestFault, Misplaced, Read};
use super::files_table::{self, RawFiles};
use super::http_table::{self, HttpTable};
use super::own_routes::OwnRoutes;
use super::schema::{File, Interface, ObjectName, OneOrMore, Parsed, RawComponent, RawRows};
use super::table::BERTH_DOCS;
use super::value::{Value, VariableName};
use super::{ConfigError, Variables};
use crate::files::FilesSpec;

/// The components, by name, and what the host itself answers.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    /// `[http]`. Without the docs page if `BERTH_DOCS` is `off`.
    pub http: HttpTable,
    /// The components, in alphabetical order.
    pub components: Vec<Arc<ComponentSpec>>,
    /// The directories of files, in alphabetical order.
    pub files: Vec<FilesSpec>,
}

impl Manifest {
    /// Reads and checks the manifest at `path`. Files are relative to its directory, missing limits are `default`, and
    /// values from the host's environment come from `variables`.
    pub fn read(path: &Path, default: &Limits, variables: &Variables) -> Result<Self, ConfigError> {
        let no_manifest = |error| ConfigError::NoManifest {
            path: path.to_owned(),
            error,
        };
        let text = fs::read_to_string(path).map_err(no_manifest)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let docs_page = BERTH_DOCS.read(variables)?;
        let around = Around {
            directory,
            default,
            docs_page,
            variables,
        };
        Self::parse(&text, &around).map_err(|faults| {
            let file = path.display().to_string();
            ConfigError::Manifest(
                faults
                    .iter()
                    .map(|fault| ManifestFault::new(&file, &text, fault))
                    .collect(),
            )
        })
    }

    /// Reads only the table `[http]`, as far as it is valid.
    pub(super) fn own_routes(path: &Path) -> OwnRoutes {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut faults = Faults::default();
        let http = faults.parse(&text).and_then(|mut root| take(&mut root, "http"));
        http_table::read(http, true, &mut faults).own_routes
    }

    fn parse(text: &str, around: &Around<'_>) -> Result<Self, Vec<Misplaced>> {
        let mut faults = Faults::default();
        let mut root = faults.parse(text);
        let http = root.as_mut().and_then(|root| take(root, "http"));
        let http = http_table::read(http, around.docs_page, &mut faults);
        let components = tables(root.as_mut(), "components", "component", &mut faults);
        let files = tables(root.as_mut(), "files", "directory", &mut faults);
        if let Some(root) = root {
            // The remaining keys are unknown.
            faults.read::<File>(root);
        }
        let file_names: Vec<_> = files.iter().map(|(name, _)| name).collect();
        files_table::check_names(&file_names, &mut faults);
        let names: Vec<_> = components
            .iter()
            .map(|(name, _)| name.get_ref().clone())
            .collect();
        check_routes(&components, &files, &http.own_routes, &mut faults);
        let place = Place {
            names: &names,
            own_routes: &http.own_routes,
            around,
        };
        let check = |(name, read): (_, Option<Read<RawComponent>>)| {
            let is_named = faults.take(check_name(&name));
            let component = read?.check(name.into_inner(), &place, &mut faults);
            is_named.and(component).map(Arc::new)
        };
        let components = components.into_iter().filter_map(check).collect();
        let check = |(name, read): (Spanned<String>, Option<Read<RawFiles>>)| {
            read?.check(name.into_inner(), around.directory, &mut faults)
        };
        let files = files.into_iter().filter_map(check).collect();
        faults.none_or(Self {
            http,
            components,
            files,
        })
    }
}

/// The routes of components and files, each of which nobody else may have.
fn check_routes(
    components: &[(Spanned<String>, Option<Read<RawComponent>>)],
    files: &[(Spanned<String>, Option<Read<RawFiles>>)],
    own: &OwnRoutes,
    faults: &mut Faults,
) {
    let of_components = components.iter().flat_map(|(name, read)| {
        let routes = read.iter().flat_map(|Read { value, .. }| &value.routes);
        routes.map(|route| (name.get_ref().clone(), route.span(), &route.get_ref().0))
    });
    let of_files = files.iter().flat_map(|(name, read)| {
        let routes = read.iter().flat_map(|Read { value, .. }| &value.routes);
        routes.map(|route| {
            (
                format!("files.{}", name.get_ref()),
                route.span(),
                &route.get_ref().0.0,
            )
        })
    });
    let mut claims = Claims::default();
    for (owner, place, pattern) in of_components.chain(of_files) {
        let claimed = own.check(pattern).and_then(|()| claims.claim(&owner, pattern));
        faults.take(claimed.map_err(|reason| Misplaced::at(place, reason)));
    }
}

/// The tables below `key` by name, as far as they are valid. `what` each table describes.
fn tables<T: DeserializeOwned>(
    root: Option<&mut Spanned<DeValue<'_>>>,
    key: &str,
    what: &str,
    faults: &mut Faults,
) -> Vec<(Spanned<String>, Option<Read<T>>)> {
    let Some(table) = root.and_then(|root| take(root, key)) else {
        return Vec::new();
    };
    let place = table.span();
    let DeValue::Table(table) = table.into_inner() else {
        let reason = format!("`{key}` is a table: write [{key}.NAME] for each {what}");
        faults.add(Misplaced::at(place, reason));
        return Vec::new();
    };
    let read = |(name, value): (Spanned<DeString<'_>>, _)| {
        let name = Spanned::new(name.span(), name.into_inner().into_owned());
        (name, faults.read(value))
    };
    table.into_iter().map(read).collect()
}

/// Takes the value of `key` out of a table.
fn take<'a>(root: &mut Spanned<DeValue<'a>>, key: &str) -> Option<Spanned<DeValue<'a>>> {
    match root.get_mut() {
        DeValue::Table(table) => table.remove(key),
        _ => None,
    }
}

/// The context of a manifest: the directory of its files, the default limits, whether the docs page is allowed, and the
/// host's environment.
struct Around<'a> {
    directory: &'a Path,
    default: &'a Limits,
    docs_page: bool,
    variables: &'a Variables,
}

/// The context that all components of a manifest share.
struct Place<'a> {
    names: &'a [String],
    own_routes: &'a OwnRoutes,
    around: &'a Around<'a>,
}

impl Place<'_> {
    fn resolve(
        &self,
        written: impl IntoIterator<Item = (String, Spanned<Value>)>,
        faults: &mut Faults,
    ) -> Settings {
        let resolve = |(key, value): (String, Spanned<Value>)| {
            let resolved = value
                .get_ref()
                .resolve(self.around.directory, self.around.variables);
            Some((
                key,
                faults.take(resolved.map_err(|reason| Misplaced::at(value.span(), reason)))?,
            ))
        };
        written.into_iter().filter_map(resolve).collect()
    }
}

impl Read<RawComponent> {
    /// The component, if it has no fault. Unreadable entries have been reported already.
    fn check(self, name: String, place: &Place<'_>, faults: &mut Faults) -> Option<ComponentSpec> {
        let Self {
            value: written,
            is_whole,
        } = self;
        let source = faults.take(check_source(&written.source, place.around.directory));
        let imports = faults.take(check_imports(written.imports, place.names));
        let outgoing: Vec<_> = written
            .outgoing
            .into_iter()
            .map(|Parsed(destination)| destination)
            .collect();
        let authorities = written
            .outgoing_ca
            .as_ref()
            .map_or(Ok(Authorities::default()), |file| {
                check_authorities(file, &outgoing, place.around.directory)
            });
        let outgoing_authorities = faults.take(authorities);
        if !is_whole {
            return None;
        }
        let capabilities: BTreeSet<_> = written
            .capabilities
            .into_iter()
            .map(|Parsed(capability)| capability)
            .collect();
        if let Some(config) = &written.config
            && !capabilities.contains(&Capability::Config)
        {
            let reason =
                "nothing can read this: add \"config\" to the component's capabilities, or remove it";
            faults.add(Misplaced::at(config.span(), reason));
        }
        let rows = written
            .rows
            .and_then(|rows| faults.take(check_rows(rows, &capabilities)));
        if rows.is_none() && capabilities.contains(&Capability::PostgresAllRows) {
            let reason = "`postgres-all-rows` is for a component with `rows`, whose `postgres` sees the rows of the caller: \
                          add `rows`, or remove the capability";
            faults.add(Misplaced::at(written.source.span(), reason));
        }
        let config = written.config.map(Spanned::into_inner).unwrap_or_default();
        let config = place.resolve(config, faults);
        let environment = written.environment.into_iter();
        let environment = environment.map(|(Parsed(VariableName(name)), value)| (name, value));
        let environment = place.resolve(environment, faults);
        let routes: Vec<_> = written
            .routes
            .into_iter()
            .map(|route| route.into_inner().0)
            .collect();
        let probes = written.probe.map_or(Ok(Vec::new()), |probes| {
            check_probes(probes, &routes, place.own_routes)
        });
        let probes = faults.take(probes);
        Some(ComponentSpec {
            name,
            source: source?,
            routes,
            capabilities,
            rows,
            limits: written.limits.or(place.around.default),
            probes: probes?,
            config,
            environment,
            authentication: written.authentication,
            imports: imports?,
            outgoing,
            outgoing_authorities: outgoing_authorities?,
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

/// The owners of rows, which only a component with a database has.
fn check_rows(written: Spanned<RawRows>, capabilities: &BTreeSet<Capability>) -> Result<RowRules, Misplaced> {
    if !capabilities.contains(&Capability::Postgres) {
        let reason = "the component has no tables: add \"postgres\" to its capabilities, or remove this";
        return Err(Misplaced::at(written.span(), reason));
    }
    let RawRows {
        owner: Parsed(ObjectName(owner)),
        shared,
        temporary_tables,
    } = written.into_inner();
    Ok(RowRules {
        owner,
        shared: shared
            .into_iter()
            .map(|Parsed(ObjectName(table))| table)
            .collect(),
        temporary_tables,
    })
}

/// The authorities of `outgoing_ca`, which only a component with a destination over HTTPS can use.
fn check_authorities(
    file: &Spanned<PathBuf>,
    outgoing: &[AllowedDestination],
    directory: &Path,
) -> Result<Authorities, Misplaced> {
    let path = directory.join(file.get_ref());
    let read = fs::read(&path).map_err(|error| error.to_string());
    let read = read.and_then(|text| Authorities::from_pem(&text).map_err(|error| error.to_string()));
    let reason = match read {
        Err(error) => {
            format!(
                "{} gives no authority ({error}): name a PEM file with its certificate",
                path.display()
            )
        }
        Ok(_) if !outgoing.iter().any(AllowedDestination::is_https) => {
            "nothing needs this: list an `https://` destination in `outgoing`, or remove it".to_owned()
        }
        Ok(authorities) => return Ok(authorities),
    };
    Err(Misplaced::at(file.span(), reason))
}

fn check_name(name: &Spanned<String>) -> Result<(), Misplaced> {
    // A component's schema is named after the component, and its role after the schema.
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
        Err(Misplaced::at(
            component.span(),
            format!("there is no component {unknown:?}; there are: {known}"),
        ))
    };
    imports.into_iter().map(check).collect()
}

fn check_probes(
    probes: Spanned<OneOrMore<Probe>>,
    routes: &[RoutePattern],
    host: &OwnRoutes,
) -> Result<Vec<Probe>, Misplaced> {
    let mut own = matchit::Router::new();
    for path in routes.iter().flat_map(RoutePattern::paths) {
        own.insert(path, ())
            .map_err(|error| Misplaced::at(probes.span(), error.to_string()))?;
    }
    let without_query = |probe: &Probe| probe.path.split('?').next().unwrap_or_default().to_owned();
    let is_the_hosts = |probe: &&Probe| host.answers(&without_query(probe));
    if let Some(Probe { path, .. }) = probes.get_ref().0.iter().find(is_the_hosts) {
        let reason = format!("the host answers {path:?} itself: probe a path that the component answers");
        return Err(Misplaced::at(probes.span(), reason));
    }
    let leads_nowhere = |probe: &&Probe| own.at(&without_query(probe)).is_err();
    if let Some(Probe { path, .. }) = probes.get_ref().0.iter().find(leads_nowhere) {
        let reason = format!("no route of this component leads to {path:?}: probe one of its own");
        return Err(Misplaced::at(probes.span(), reason));
    }
    Ok(probes.into_inner().0)
}

#[cfg(test)]
mod tests;
