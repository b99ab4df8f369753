//! Checks that components that call each other agree on their interfaces, when a component is loaded rather than
//! at the first call.

use std::collections::BTreeMap;
use std::fmt;

use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};

use super::callees;
use super::candidate::Candidate;
use super::wit_type;
use crate::run::version::Version;

/// Two components that cannot be live together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the component `{importer}` imports `{import}` from `{exporter}`, {misfit}")]
pub struct CompatibilityError {
    /// The importing component.
    pub importer: String,
    /// The interface.
    pub import: String,
    /// The component that should export the interface.
    pub exporter: String,
    /// The reason.
    pub misfit: Incompatibility,
}

/// Why the component in the manifest cannot serve an import.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incompatibility {
    /// There is no component of that name.
    #[error("which is no component of this host; correct the manifest's `imports`, or add the component")]
    NoComponent,
    /// The component does not export the interface in any compatible version.
    #[error("which does not export it; for other components it exports {exports}")]
    NotExported {
        /// A list of the component's exports.
        exports: String,
    },
    /// The component exports the interface, but with other functions or types.
    #[error("but they do not agree on it; build both against the same WIT:{}", Lines(.0))]
    Different(Vec<Difference>),
}

/// A place where importer and exporter differ, with the WIT of both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The function, and the path to the place in its type: ``add, parameter `order`, field `due-date` ``.
    pub place: String,
    /// The importer's WIT.
    pub imported: String,
    /// The exporter's WIT.
    pub exported: String,
}

/// Checks that components are compatible: `candidates`, and the `live` versions that they do not replace.
///
/// Must be called before a candidate is promoted, whether it calls other components or is called by them.
pub fn check_compatibility<'a>(
    candidates: impl IntoIterator<Item = &'a Candidate>,
    live: impl IntoIterator<Item = &'a Version>,
) -> Result<(), CompatibilityError> {
    let candidates = candidates.into_iter().map(Candidate::linked);
    let versions = live.into_iter().chain(candidates);
    let together: BTreeMap<_, _> = versions
        .map(|version| (version.spec().name.as_str(), version))
        .collect();
    for importer in together.values() {
        for (import, interface) in callees::imports(importer.component()) {
            // An import without an assignment fails to link earlier.
            let Some(exporter) = importer.spec().callee(&import) else {
                continue;
            };
            if let Err(misfit) = check_import(&import, &interface, together.get(exporter).copied()) {
                let importer = importer.spec().name.clone();
                return Err(CompatibilityError {
                    importer,
                    import,
                    exporter: exporter.to_owned(),
                    misfit,
                });
            }
        }
    }
    Ok(())
}

fn check_import(
    import: &str,
    imported: &ComponentInstance,
    from: Option<&Version>,
) -> Result<(), Incompatibility> {
    let from = from.ok_or(Incompatibility::NoComponent)?.component();
    // The lookup also finds another version of the interface, if it is compatible.
    let Some((ComponentItem::ComponentInstance(exported), _)) = from.get_export(None, import) else {
        return Err(Incompatibility::NotExported {
            exports: callees::exports(from),
        });
    };
    let engine = from.engine();
    let differences: Vec<_> = imported
        .exports(engine)
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::ComponentFunc(function) => difference(
                name,
                &function,
                exported.get_export(engine, name).map(|item| item.ty),
            ),
            _ => None,
        })
        .collect();
    if differences.is_empty() {
        Ok(())
    } else {
        Err(Incompatibility::Different(differences))
    }
}

fn difference(name: &str, imported: &ComponentFunc, exported: Option<ComponentItem>) -> Option<Difference> {
    let Some(ComponentItem::ComponentFunc(exported)) = exported else {
        let imported = wit_type::signature(imported);
        return Some(Difference {
            place: name.to_owned(),
            imported,
            exported: "nothing".to_owned(),
        });
    };
    let mut difference = wit_type::function_difference(imported, &exported)?;
    difference.place.insert(0, name.to_owned());
    let (imported, exported) = difference.texts;
    Some(Difference {
        place: difference.place.join(", "),
        imported,
        exported,
    })
}

/// Formats differences as the lines after a message.
struct Lines<'a>(&'a [Difference]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Difference {
            place,
            imported,
            exported,
        } in self.0
        {
            write!(
                formatter,
                "\n  {place}\n    imported: {imported}\n    exported: {exported}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
