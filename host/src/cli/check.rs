//! `berth check`: checks manifest and components, for people or as JSON.

use anyhow::Result;
use berth_rollout::{ApplyManifestError, Checked};
use berth_runtime::RoutePattern;
use clap::Args;
use serde_json::{Value, json};

use super::output::print;
use crate::config::{Config, ConfigError, Manifest, ManifestFault, OwnRoutes, Variables};
use crate::files::{FilesSpec, Listing};

/// How the result is printed.
#[derive(Args)]
pub(super) struct Check {
    /// Print the result as JSON, on one line
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Checks configuration, manifest and components, and prints the result.
    pub(super) async fn run(&self, variables: &Variables) -> Result<()> {
        let result = check(variables).await;
        match &result {
            Ok((config, checked)) if self.json => print_json(&good(config, checked))?,
            Ok((config, checked)) => {
                print(&text(config, checked))?;
            }
            Err(error) if self.json => print_json(&bad(error))?,
            Err(_) => {}
        }
        result.map(drop)
    }
}

async fn check(variables: &Variables) -> Result<(Config, Vec<Checked>)> {
    let config = Config::read(variables)?;
    let checked = berth_rollout::check(
        &config.manifest.components.clone().into(),
        &config.code_cache,
        config.compiler.clone(),
    )
    .await?;
    Ok((config, checked))
}

fn text(config: &Config, checked: &[Checked]) -> String {
    let good = checked
        .iter()
        .map(|Checked { component, digest }| format!("{component}@{}: good\n", &digest[..12]));
    let files = config.manifest.files.iter().filter_map(|spec| {
        let listing = Listing::read(&spec.directory).ok()?;
        Some(text_of_files(spec, &listing))
    });
    let hidden = hidden(&config.manifest).map(|(owner, route, paths)| {
        format!(
            "{owner}: {route} does not get {}, which the host answers itself\n",
            paths.join(", ")
        )
    });
    let own = config.manifest.http.own_routes.paths().join(", ");
    let own = [format!(
        "The host answers {own}; [http] in the manifest moves them, or switches them off.\n"
    )];
    let unknown = config
        .unknown_variables()
        .into_iter()
        .map(|unknown| format!("{unknown}\n"));
    let empty = config.manifest.components.is_empty() && config.manifest.files.is_empty();
    let empty = empty.then(|| format!("{EMPTY_MANIFEST}\n"));
    let end = ["The configuration is good.\n".to_owned()];
    good.chain(files)
        .chain(hidden)
        .chain(own)
        .chain(unknown)
        .chain(empty)
        .chain(end)
        .collect()
}

/// The warning for a manifest without components.
pub(super) const EMPTY_MANIFEST: &str =
    "The manifest has no components: add one as [components.NAME], with `source` and `routes`.";

/// The routes that match the host's own paths: the component or `files.NAME`, its route, and these paths.
fn hidden(manifest: &Manifest) -> impl Iterator<Item = (String, &RoutePattern, Vec<&str>)> {
    let own = &manifest.http.own_routes;
    let components = manifest.components.iter();
    let components = components.map(|component| (component.name.clone(), &component.routes));
    let files = manifest.files.iter();
    let files = files.map(|spec| (format!("files.{}", spec.name), &spec.routes));
    components.chain(files).flat_map(move |(owner, routes)| {
        let hidden = routes
            .iter()
            .map(move |route| (owner.clone(), route, own.hidden_from(route)));
        hidden.filter(|(_, _, paths)| !paths.is_empty())
    })
}

/// The routes and the size of a directory of files, and its entries that are not served.
fn text_of_files(spec: &FilesSpec, listing: &Listing) -> String {
    let (name, count) = (&spec.name, listing.count());
    let routes: Vec<_> = spec.routes.iter().map(RoutePattern::as_str).collect();
    let size = bytesize::ByteSize(listing.bytes());
    let left_out = listing
        .left_out
        .iter()
        .map(|entry| format!("files.{name}: {entry}\n"));
    format!(
        "files.{name}: good, {count} files of {size} at {}\n",
        routes.join(", ")
    ) + &left_out.collect::<String>()
}

/// A directory of files; nothing if the directory has gone since the manifest was checked.
fn json_of_files(spec: &FilesSpec) -> Option<Value> {
    let listing = Listing::read(&spec.directory).ok()?;
    let routes: Vec<_> = spec.routes.iter().map(RoutePattern::as_str).collect();
    let left_out = listing.left_out.iter();
    let left_out: Vec<_> = left_out
        .map(|entry| json!({ "path": entry.path, "reason": entry.reason }))
        .collect();
    Some(json!({
        "name": spec.name,
        "routes": routes,
        "files": listing.count(),
        "bytes": listing.bytes(),
        "needs_login": spec.needs_login,
        "left_out": left_out,
    }))
}

/// The host's own paths; null or nothing for routes that are off.
fn own_routes(
    OwnRoutes {
        health,
        ready,
        openapi,
        docs,
        accounts,
    }: &OwnRoutes,
) -> Value {
    let accounts: Vec<_> = accounts
        .bases()
        .into_iter()
        .chain(accounts.me().iter().copied())
        .collect();
    json!({ "health": health, "ready": ready, "openapi": openapi, "docs": docs, "accounts": accounts })
}

fn good(config: &Config, checked: &[Checked]) -> Value {
    let left = |name: &str| -> Vec<Value> {
        hidden(&config.manifest)
            .filter(|(owner, ..)| owner == name)
            .map(|(_, route, paths)| json!({ "route": route.as_str(), "paths": paths }))
            .collect()
    };
    let components: Vec<_> = checked
        .iter()
        .map(|Checked { component, digest }| {
            json!({ "name": component, "digest": digest, "left_to_the_host": left(component) })
        })
        .collect();
    let files: Vec<_> = config.manifest.files.iter().filter_map(json_of_files).collect();
    json!({
        "good": true,
        "components": components,
        "files": files,
        "http": own_routes(&config.manifest.http.own_routes),
        "warnings": config.unknown_variables(),
        "faults": [],
    })
}

fn bad(error: &anyhow::Error) -> Value {
    let faults: Vec<Value> = match (error.downcast_ref(), error.downcast_ref()) {
        (Some(ConfigError::Manifest(faults)), _) => faults.iter().map(place).collect(),
        (_, Some(ApplyManifestError::Refused { component, failure })) => {
            vec![json!({ "component": component, "step": failure.step, "reason": failure.reason })]
        }
        _ => vec![json!({ "reason": format!("{error:#}") })],
    };
    json!({ "good": false, "components": [], "files": [], "http": null, "warnings": [], "faults": faults })
}

fn place(fault: &ManifestFault) -> Value {
    let ManifestFault {
        file,
        line,
        column,
        reason,
    } = fault;
    json!({ "file": file, "line": line, "column": column, "reason": reason })
}

fn print_json(json: &Value) -> Result<()> {
    print(&super::components::one_line(json))?;
    Ok(())
}
