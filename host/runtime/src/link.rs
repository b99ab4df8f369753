//! Links a compiled component and its grants to a pre-instance, or returns an error that says why not.
//!
//! Only interfaces that the manifest grants are linked, besides those that every toolchain imports: the
//! `wasi:cli` world and `wasi:http`, which give access to nothing.

use std::collections::BTreeSet;

use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::capabilities;
use crate::capability::Capability;
use crate::component_calls;
use crate::component_spec::ComponentSpec;
use crate::state::State;
use crate::uncompiled::Uncompiled;

/// The interface that every component must export.
const HANDLER: &str = "wasi:http/incoming-handler@0.2";

/// The packages of the worlds `wasi:cli` and `wasi:http`, linked without a grant, in their 0.2 releases.
const WASI_PACKAGES: [&str; 7] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The import belongs to a capability that the component is not granted.
    #[error(
        "it imports `{import}`, which is not granted; add \"{capability}\" to `capabilities` in \
         [components.{component}] of the manifest, if it may have it"
    )]
    NotGranted {
        /// The interface.
        import: String,
        /// The capability of the interface.
        capability: Capability,
        /// The component's name.
        component: String,
    },
    /// The host does not have the interface, or has another version.
    #[error("it imports `{import}`, which this host does not provide{hint}")]
    Unknown {
        /// The interface.
        import: String,
        /// The nearest alternative, as text.
        hint: String,
    },
    /// The interface is not the host's, and the manifest assigns it to no component.
    #[error(
        "it imports `{import}`, which is not the host's to give; if another component may answer it, name that one in \
         [components.{component}] of the manifest: imports = {{ \"{interface}\" = \"…\" }}"
    )]
    Unassigned {
        /// The interface.
        import: String,
        /// The interface without its version, as the manifest names it.
        interface: String,
        /// The component's name.
        component: String,
    },
    /// The interface is not the host's, and no component can serve it.
    #[error(
        "it imports `{import}`, which this host does not provide, and which no other component can answer: it has \
         resources, and only values can cross from one component to another; build it without this import, with what the \
         host has: {}",
        offered()
    )]
    ForeignResources {
        /// The interface.
        import: String,
    },
    /// Several imports are refused.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; also, "))]
    Several(Vec<LinkError>),
    /// The interface of another component has types that cannot be copied between components.
    #[error(
        "it imports `{import}`, but that {what}, and only values can cross from one component to another, no \
         resources, streams or futures; pass an identifier or a list instead"
    )]
    CannotCross {
        /// The interface.
        import: String,
        /// The type in question, as text.
        what: String,
    },
    /// The component does not export the handler.
    #[error("it does not export `{HANDLER}`, so it cannot answer requests")]
    NoHandler,
    /// The component's handler has other types than the interface.
    #[error("its `{HANDLER}` is not what `wasi:http` says: {0:#}")]
    OtherHandler(wasmtime::Error),
    /// The interface is known, but a function or a type differs.
    #[error("its imports do not fit what the host provides: {0:#}")]
    Mismatch(wasmtime::Error),
}

/// Checks the names of a component's imports and exports before it is compiled. [`link`] checks the rest.
pub(crate) fn check_names(component: &Uncompiled, spec: &ComponentSpec) -> Result<(), LinkError> {
    let mut refused: Vec<_> = component
        .imports
        .iter()
        .filter_map(|import| check_import(import, component, spec).err())
        .collect();
    match refused.len() {
        0 => check_handler(component.exports.iter().map(String::as_str)),
        1 => Err(refused.remove(0)),
        _ => Err(LinkError::Several(refused)),
    }
}

/// Checks by name whether one import can be linked.
fn check_import(import: &str, component: &Uncompiled, spec: &ComponentSpec) -> Result<(), LinkError> {
    check_grant(import, &spec.name, &spec.capabilities)?;
    if component_calls::is_of_the_host(import) {
        let unknown = || LinkError::Unknown {
            hint: hint(import),
            import: import.to_owned(),
        };
        return if may_be_linked(import) {
            Ok(())
        } else {
            Err(unknown())
        };
    }
    if spec.callee(import).is_none() && component.imported_resources.contains(import) {
        return Err(LinkError::ForeignResources {
            import: import.to_owned(),
        });
    }
    component_calls::callee(import, spec).map(drop)
}

/// The interfaces of all capabilities, as text.
fn offered() -> String {
    Capability::ALL
        .map(|capability| format!("`{}`", capability.interface()))
        .join(", ")
}

/// Whether the host has the package of an interface in a version that may include the interface.
fn may_be_linked(import: &str) -> bool {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    let (package, _) = name.split_once('/').unwrap_or((name, ""));
    let is_capability = Capability::ALL
        .into_iter()
        .any(|capability| capability.package() == package);
    let is_release = version.starts_with("0.2.") && !version.contains('-');
    is_capability || WASI_PACKAGES.contains(&package) && is_release
}

/// Links a component against its grants, and against its callees.
pub(crate) fn link(component: &Component, spec: &ComponentSpec) -> Result<ProxyPre<State>, LinkError> {
    for import in imports(component) {
        check_grant(&import, &spec.name, &spec.capabilities)?;
    }
    let mut linker = linker(component.engine(), &spec.capabilities).map_err(LinkError::Mismatch)?;
    component_calls::add_to_linker(&mut linker, component, spec)?;
    let pre = linker
        .instantiate_pre(component)
        .map_err(|error| explain(component, error))?;
    // Last, because imports are checked before exports.
    let exports = component.component_type();
    check_handler(exports.exports(component.engine()).map(|(name, _)| name))?;
    ProxyPre::new(pre).map_err(LinkError::OtherHandler)
}

fn linker(engine: &wasmtime::Engine, grants: &BTreeSet<Capability>) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    for grant in grants {
        match grant {
            Capability::Cohere => capabilities::cohere::add_to_linker(&mut linker, |state: &mut State| {
                state.cohere.view(&mut state.table)
            })?,
            Capability::Config => capabilities::config::add_to_linker(&mut linker)?,
            Capability::Identity => capabilities::identity::add_to_linker(&mut linker)?,
            Capability::Logging => capabilities::logging::add_to_linker(&mut linker)?,
            Capability::Postgres => {
                capabilities::postgres::add_to_linker(&mut linker, |state: &mut State| {
                    state.postgres.view(&mut state.table)
                })?;
            }
        }
    }
    Ok(linker)
}

fn check_grant(import: &str, name: &str, grants: &BTreeSet<Capability>) -> Result<(), LinkError> {
    let (package, _) = import.split_once('/').unwrap_or((import, ""));
    let capability = Capability::ALL
        .into_iter()
        .find(|capability| capability.package() == package);
    match capability.filter(|capability| !grants.contains(capability)) {
        Some(capability) => Err(LinkError::NotGranted {
            import: import.to_owned(),
            capability,
            component: name.to_owned(),
        }),
        None => Ok(()),
    }
}

fn check_handler<'a>(mut exports: impl Iterator<Item = &'a str>) -> Result<(), LinkError> {
    if exports.any(|name| name.starts_with(HANDLER)) {
        Ok(())
    } else {
        Err(LinkError::NoHandler)
    }
}

/// Finds the import that wasmtime's error is about, if a whole interface is missing.
fn explain(component: &Component, error: wasmtime::Error) -> LinkError {
    let text = format!("{error:#}");
    let missing = imports(component)
        .into_iter()
        .find(|import| text.contains(&format!("`{import}`")) && text.contains("not found in the linker"));
    match missing {
        Some(import) => LinkError::Unknown {
            hint: hint(&import),
            import,
        },
        None => LinkError::Mismatch(error),
    }
}

fn hint(import: &str) -> String {
    let (package, _) = import.split_once('/').unwrap_or((import, ""));
    let nearest = Capability::ALL
        .into_iter()
        .find(|capability| capability.package() == package);
    match nearest {
        Some(capability) => format!("; it has `{}`", capability.interface()),
        None if !WASI_PACKAGES.contains(&package) => {
            format!(
                ", in no version; build it without this import, with what the host has: {}",
                offered()
            )
        }
        None if import.contains("-rc") || import.contains("-draft") => {
            "; a pre-release version matches nothing but itself: build against the release, 0.2".to_owned()
        }
        None => "; of `wasi:` it has the 0.2 releases of cli and http".to_owned(),
    }
}

fn imports(component: &Component) -> Vec<String> {
    let engine = component.engine();
    component
        .component_type()
        .imports(engine)
        .map(|(name, _)| name.to_owned())
        .collect()
}
