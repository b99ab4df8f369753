//! Counts the parts of a component against the limits of the host.

use wasmparser::{BinaryReaderError, Payload, TypeSectionReader};

use super::compile_error::{CompileError, Counted};

/// The limits of a component, including its modules and inner components.
const LIMITS: [(Counted, u64); 6] = [
    (Counted::Functions, 50_000),
    (Counted::FunctionBytes, 1024 * 1024),
    (Counted::Types, 20_000),
    (Counted::Modules, 100),
    (Counted::Definitions, 100_000),
    (Counted::Depth, 8),
];

/// The counts of each kind, and the place that is read.
#[derive(Default)]
pub(super) struct Counts {
    functions: u64,
    largest_function: u64,
    types: u64,
    modules: u64,
    definitions: u64,
    /// The modules and components that enclose the place that is read, from the outside to the inside: whether each is a
    /// component.
    enclosing: Vec<bool>,
}

impl Counts {
    /// The number of modules and components that enclose the place that is read, the component itself not counted.
    pub(super) fn depth(&self) -> usize {
        self.enclosing.len()
    }

    /// Counts one section, or one function.
    pub(super) fn add(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } => {
                self.modules += 1;
                self.enclosing.push(false);
            }
            Payload::ComponentSection { .. } => {
                self.modules += 1;
                self.enclosing.push(true);
            }
            Payload::End(_) => {
                self.enclosing.pop();
            }
            Payload::FunctionSection(functions) => self.functions += u64::from(functions.count()),
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                let bytes = u64::try_from(range.end - range.start).unwrap_or(u64::MAX);
                self.largest_function = self.largest_function.max(bytes);
            }
            Payload::TypeSection(types) => self.types += count_types(types)?,
            Payload::CoreTypeSection(types) => self.types += u64::from(types.count()),
            Payload::ComponentTypeSection(types) => self.types += u64::from(types.count()),
            other => self.definitions += u64::from(definitions(other)),
        }
        Ok(())
    }

    /// Refuses a component that has more of a kind than the host compiles.
    pub(super) fn check(&self) -> Result<(), CompileError> {
        let count = |kind| match kind {
            Counted::Functions => self.functions,
            Counted::FunctionBytes => self.largest_function,
            Counted::Types => self.types,
            Counted::Modules => self.modules,
            Counted::Definitions => self.definitions,
            Counted::Depth => self
                .enclosing
                .iter()
                .filter(|is_component| **is_component)
                .count() as u64,
        };
        let exceeded = LIMITS.into_iter().find(|(kind, most)| count(*kind) > *most);
        exceeded.map_or(Ok(()), |(kind, most)| {
            Err(CompileError::TooMuch {
                found: count(kind),
                kind,
                most,
            })
        })
    }
}

/// A type section counts groups of types that refer to each other.
fn count_types(types: &TypeSectionReader<'_>) -> Result<u64, BinaryReaderError> {
    types
        .clone()
        .into_iter()
        .try_fold(0, |count, group| Ok(count + group?.types().len() as u64))
}

fn definitions(payload: &Payload<'_>) -> u32 {
    match payload {
        Payload::ImportSection(section) => section.count(),
        Payload::ExportSection(section) => section.count(),
        Payload::GlobalSection(section) => section.count(),
        Payload::TableSection(section) => section.count(),
        Payload::MemorySection(section) => section.count(),
        Payload::TagSection(section) => section.count(),
        Payload::ElementSection(section) => section.count(),
        Payload::DataSection(section) => section.count(),
        Payload::InstanceSection(section) => section.count(),
        Payload::ComponentInstanceSection(section) => section.count(),
        Payload::ComponentAliasSection(section) => section.count(),
        Payload::ComponentCanonicalSection(section) => section.count(),
        Payload::ComponentImportSection(section) => section.count(),
        Payload::ComponentExportSection(section) => section.count(),
        _ => 0,
    }
}
