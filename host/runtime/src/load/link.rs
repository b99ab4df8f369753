//! Links a compiled component and its grants to a pre-instance, or returns an error that says why not.
//!
//! Only interfaces that the manifest grants are linked, besides those that every toolchain imports: the
//! `wasi:cli` world and `wasi:http`, which give access to nothing.

use std::collections::BTreeSet;

use wasmtime::component::{Component, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use super::callees;
use super::link_error::{HANDLER, LinkError};
use super::uncompiled::Uncompiled;
use crate::ambient;
use crate::capabilities::{Capability, package};
use crate::run::state::State;
use crate::spec::ComponentSpec;

impl Uncompiled {
    /// Checks the names of its imports and exports against `spec`, before it is compiled. [`Candidate::link`] checks
    /// the rest.
    ///
    /// [`Candidate::link`]: crate::Candidate::link
    pub fn check(&self, spec: &ComponentSpec) -> Result<(), LinkError> {
        let mut refused: Vec<_> = self
            .imports
            .iter()
            .filter_map(|import| check_import(import, self, spec).err())
            .collect();
        match refused.len() {
            0 => check_handler(self.exports.iter().map(String::as_str)),
            1 => Err(refused.remove(0)),
            _ => Err(LinkError::Several(refused)),
        }
    }
}

/// Checks by name whether one import can be linked.
fn check_import(import: &str, component: &Uncompiled, spec: &ComponentSpec) -> Result<(), LinkError> {
    check_grant(import, &spec.name, &spec.capabilities)?;
    if callees::is_of_the_host(import) {
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
    callees::callee(import, spec).map(drop)
}

/// Whether the host has the package of an interface in a version that may include the interface.
fn may_be_linked(import: &str) -> bool {
    let (_, version) = import.split_once('@').unwrap_or((import, ""));
    let is_release = version.starts_with("0.2.") && !version.contains('-');
    Capability::for_interface(import).is_some() || is_ambient(import) && is_release
}

/// Whether the package of an interface needs no grant.
fn is_ambient(import: &str) -> bool {
    ambient::PACKAGES.contains(&package(import))
}

/// Links a component against its grants, and against its callees.
pub(crate) fn link(component: &Component, spec: &ComponentSpec) -> Result<ProxyPre<State>, LinkError> {
    for import in imports(component) {
        check_grant(&import, &spec.name, &spec.capabilities)?;
    }
    let mut linker = linker(component.engine(), &spec.capabilities).map_err(LinkError::Mismatch)?;
    callees::add_to_linker(&mut linker, component, spec)?;
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
    ambient::add_to_linker(&mut linker)?;
    for grant in grants {
        grant.add_to_linker(&mut linker)?;
    }
    Ok(linker)
}

fn check_grant(import: &str, name: &str, grants: &BTreeSet<Capability>) -> Result<(), LinkError> {
    let capability = Capability::for_interface(import);
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
    match Capability::for_interface(import) {
        Some(capability) => format!("; it has {}", capability.offer()),
        None if !is_ambient(import) => {
            format!(
                ", in no version; build it without this import, with what the host has: {}",
                Capability::offered()
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

#[cfg(test)]
mod tests;
