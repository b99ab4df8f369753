//! Checks a component's sections before it is compiled.
//!
//! Compilation is the most expensive part of a push, and its cost depends on the component, not on its use. So the host
//! first reads the component's sections, without its functions: the amount of code, and the names of imports and
//! exports. A component that these rule out is never compiled.

use std::collections::BTreeSet;

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentImport, ComponentOuterAliasKind,
    ComponentType, ComponentTypeRef, InstanceTypeDeclaration, Parser, Payload, TypeBounds, TypeSectionReader,
};

use super::compile_error::{CompileError, Counted, MAX_BYTES};
use super::wasm::Wasm;

/// The limits of a component, including its modules and inner components.
const LIMITS: [(Counted, u64); 6] = [
    (Counted::Functions, 50_000),
    (Counted::FunctionBytes, 1024 * 1024),
    (Counted::Types, 20_000),
    (Counted::Modules, 100),
    (Counted::Definitions, 100_000),
    (Counted::Depth, 8),
];

/// A component whose sections have been read, and that is no more than the host compiles.
#[derive(Clone, Debug)]
pub struct Uncompiled {
    pub(crate) bytes: Wasm,
    /// The names of the interfaces that it imports.
    pub(crate) imports: Vec<String>,
    /// Those of them that have resources.
    pub(crate) imported_resources: BTreeSet<String>,
    /// The names of everything that it exports.
    pub(crate) exports: Vec<String>,
}

impl Uncompiled {
    /// Reads the sections of a component. Refuses, with a specific error, files that are pushed by mistake, and
    /// components beyond a limit. The compiler checks whether the component is valid.
    pub fn read(bytes: Wasm) -> Result<Self, CompileError> {
        if bytes.len() > MAX_BYTES {
            return Err(CompileError::TooLarge(bytes.len()));
        }
        if wasmtime::Engine::detect_precompiled(&bytes).is_some() {
            return Err(CompileError::Precompiled);
        }
        if Parser::is_core_wasm(&bytes) {
            return Err(CompileError::CoreModule);
        }
        if is_program(&bytes) {
            return Err(CompileError::Program);
        }
        if !Parser::is_component(&bytes) {
            return Err(CompileError::NotWebAssembly);
        }
        let mut names = Names::default();
        let mut counts = Counts::default();
        for payload in Parser::new(0).parse_all(&bytes) {
            let payload = payload.map_err(|error| malformed(&error))?;
            names
                .read(&payload, counts.depth())
                .map_err(|error| malformed(&error))?;
            counts.add(&payload).map_err(|error| malformed(&error))?;
            counts.check()?;
        }
        let Names {
            wasi_03,
            imports,
            imported_resources,
            exports,
            ..
        } = names;
        match wasi_03 {
            Some(interface) => Err(CompileError::NeedsWasi03(interface)),
            None => Ok(Self {
                bytes,
                imports,
                imported_resources,
                exports,
            }),
        }
    }
}

fn malformed(error: &BinaryReaderError) -> CompileError {
    CompileError::Invalid(error.to_string())
}

/// The names that the component itself imports and exports.
#[derive(Default)]
struct Names {
    /// The first interface of WASI 0.3. wasmtime says of such a component no more than that it needs a feature.
    wasi_03: Option<String>,
    imports: Vec<String>,
    imported_resources: BTreeSet<String>,
    exports: Vec<String>,
    /// Whether each type of the component is an instance with resources.
    types: Vec<bool>,
}

impl Names {
    fn read(&mut self, payload: &Payload<'_>, depth: usize) -> Result<(), BinaryReaderError> {
        if depth > 0 {
            return Ok(());
        }
        match payload {
            Payload::ComponentTypeSection(types) => {
                for ty in types.clone() {
                    self.types.push(has_resources(&ty?));
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.types.extend(is_type(&alias?).then_some(false));
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    self.read_import(&import?);
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export?;
                    self.note(export.name.name, export.kind == ComponentExternalKind::Instance);
                    self.exports.push(export.name.name.to_owned());
                    self.types
                        .extend((export.kind == ComponentExternalKind::Type).then_some(false));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn read_import(&mut self, import: &ComponentImport<'_>) {
        let name = import.name.name;
        self.note(name, true);
        match import.ty {
            ComponentTypeRef::Instance(ty) => {
                self.imports.push(name.to_owned());
                if self.types.get(ty as usize) == Some(&true) {
                    self.imported_resources.insert(name.to_owned());
                }
            }
            ComponentTypeRef::Type(_) => self.types.push(false),
            _ => {}
        }
    }

    fn note(&mut self, name: &str, is_interface: bool) {
        if self.wasi_03.is_none() && is_interface && name.starts_with("wasi:") && name.contains("@0.3.") {
            self.wasi_03 = Some(name.to_owned());
        }
    }
}

/// Whether a type is an instance that makes resources of its own.
fn has_resources(ty: &ComponentType<'_>) -> bool {
    let ComponentType::Instance(declarations) = ty else {
        return false;
    };
    declarations.iter().any(|declaration| {
        let resource = ComponentTypeRef::Type(TypeBounds::SubResource);
        matches!(declaration, InstanceTypeDeclaration::Export { ty, .. } if *ty == resource)
    })
}

/// Whether an alias is one more type of the component.
fn is_type(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport {
            kind: ComponentExternalKind::Type,
            ..
        } | ComponentAlias::Outer {
            kind: ComponentOuterAliasKind::Type,
            ..
        }
    )
}

/// How much there is of each kind.
#[derive(Default)]
struct Counts {
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
    /// How many modules and components enclose the place that is read, the component itself not counted.
    fn depth(&self) -> usize {
        self.enclosing.len()
    }

    fn add(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
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

    fn check(&self) -> Result<(), CompileError> {
        let of = |kind| match kind {
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
        let exceeded = LIMITS.into_iter().find(|(kind, most)| of(*kind) > *most);
        exceeded.map_or(Ok(()), |(kind, most)| {
            Err(CompileError::TooMuch {
                found: of(kind),
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

/// Whether this begins as a program of Linux (ELF), macOS (Mach-O) or Windows (PE).
fn is_program(bytes: &[u8]) -> bool {
    let begins: [&[u8]; 3] = [b"\x7fELF", b"\xcf\xfa\xed\xfe", b"MZ"];
    begins.iter().any(|begin| bytes.starts_with(begin))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn read(wat: &str) -> Result<Uncompiled, CompileError> {
        Uncompiled::read(wat::parse_str(wat).unwrap().into())
    }

    /// The limit that a component exceeds, and the number that exceeds the limit.
    fn refusal(wat: &str) -> Option<(Counted, u64)> {
        match read(wat) {
            Err(CompileError::TooMuch { kind, found, .. }) => Some((kind, found)),
            _ => None,
        }
    }

    #[test]
    fn what_is_not_a_component_is_refused_by_name() {
        let read = |bytes: &[u8]| Uncompiled::read(bytes.to_vec().into());
        assert!(matches!(read(b"hello"), Err(CompileError::NotWebAssembly)));
        assert!(matches!(read(b"\0asm\x01\0\0\0"), Err(CompileError::CoreModule)));
        assert!(matches!(read(b""), Err(CompileError::NotWebAssembly)));
        assert!(matches!(read(b"\x7fELFxxxxxxx"), Err(CompileError::Program)));
        assert!(matches!(
            read(b"\xcf\xfa\xed\xfexxxxxxx"),
            Err(CompileError::Program)
        ));
        assert!(matches!(
            read(&vec![0; MAX_BYTES + 1]),
            Err(CompileError::TooLarge(_))
        ));
        assert!(matches!(
            read(b"\0asm\x0d\0\x01\0garbage"),
            Err(CompileError::Invalid(_))
        ));
        assert!(
            read(b"\0asm\x0d\0\x01\0").is_ok(),
            "an empty component is one, though a useless one"
        );
    }

    #[test]
    fn each_limit_is_counted_over_all_modules_and_components() {
        let functions = |count: usize| "(func)".repeat(count);
        let two = |count: usize| {
            format!(
                "(component (core module {0}) (component (core module {0})))",
                functions(count)
            )
        };
        assert_eq!(refusal(&two(25_000)), None);
        assert_eq!(refusal(&two(25_001)), Some((Counted::Functions, 50_002)));

        let large = format!("(component (core module (func {})))", "nop ".repeat(1024 * 1024));
        assert!(matches!(refusal(&large), Some((Counted::FunctionBytes, _))));

        let types = format!(
            "(component (core module (rec {})))",
            "(type (struct))".repeat(20_001)
        );
        assert_eq!(refusal(&types), Some((Counted::Types, 20_001)));
        let types = format!("(component {})", "(type string)".repeat(20_001));
        assert_eq!(refusal(&types), Some((Counted::Types, 20_001)));

        let modules = format!("(component {})", "(core module)".repeat(101));
        assert_eq!(refusal(&modules), Some((Counted::Modules, 101)));

        let globals = "(global i32 (i32.const 0))".repeat(100_001);
        let globals = format!("(component (core module {globals}))");
        assert_eq!(refusal(&globals), Some((Counted::Definitions, 100_001)));

        let nested =
            |depth: usize| format!("(component {}{})", "(component ".repeat(depth), ")".repeat(depth));
        assert_eq!(refusal(&nested(8)), None);
        assert_eq!(refusal(&nested(9)), Some((Counted::Depth, 9)));
    }

    #[test]
    fn a_refusal_names_the_limit_and_what_was_found() {
        let many = format!("(component (core module {}))", "(func)".repeat(50_001));
        assert_eq!(
            read(&many).unwrap_err().to_string(),
            "it has 50001 functions, and the host compiles no more than 50000; split it into several components, or \
             leave out what it does not use"
        );
    }

    #[test]
    fn an_import_with_resources_is_known_without_being_compiled() {
        let uncompiled = read(
            r#"(component
                (type $u (func))
                (import "acme:values/values" (instance (export "get" (func (result string)))))
                (import "acme:key-value/store" (instance (export "store" (type (sub resource))))))"#,
        );
        let imported_resources: Vec<_> = uncompiled.unwrap().imported_resources.into_iter().collect();
        assert_eq!(imported_resources, ["acme:key-value/store"]);
    }

    #[test]
    fn the_names_are_those_of_the_component_itself() {
        let uncompiled = read(
            r#"(component
                (import "acme:rockets/launch" (instance))
                (import "a-function" (func))
                (component (import "acme:hidden/one" (instance)) (export "hidden" (instance 0)))
                (export "acme:rockets/launch-again" (instance 0)))"#,
        )
        .unwrap();
        assert_eq!(uncompiled.imports, ["acme:rockets/launch"]);
        assert_eq!(uncompiled.exports, ["acme:rockets/launch-again"]);
    }
}
