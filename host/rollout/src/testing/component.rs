//! Components that are made without a toolchain. None of them is called: the prober is a fake.

use std::fmt::Write as _;
use std::path::Path;

use berth_runtime::{Capability, ComponentSpec};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WIT: &str = "
    package test:fixture;
    interface greetings { hello: func(); }
    world plain { export wasi:http/incoming-handler@0.2.12; }
    world migrating {
        export wasi:http/incoming-handler@0.2.12;
        export berth:migrations/migrations@0.1.0;
    }
    world importer { import greetings; export wasi:http/incoming-handler@0.2.12; }
";

/// The address of the list of migrations in the memory of a component, and of the texts behind it.
const LIST: usize = 1024;
const TEXTS: usize = 8192;

/// A component with one probe and these migrations, numbered from 1. `text` makes its bytes its own.
pub(crate) fn component(name: &str, text: &str, migrations: &[&str]) -> (ComponentSpec, Vec<u8>) {
    let mut spec = ComponentSpec::new(name);
    spec.probes = vec!["GET /probe".parse().unwrap()];
    let module = format!(
        r#"(module
            (memory (export "memory") 2)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32))
            {}
            (data (i32.const 65536) "{text}"))"#,
        list(migrations)
    );
    if migrations.is_empty() {
        return (spec, encode("plain", &module));
    }
    spec.capabilities.insert(Capability::Postgres);
    (spec, encode("migrating", &module))
}

/// A component that imports an interface from the component `callee`.
pub(crate) fn importer(name: &str, callee: &str) -> (ComponentSpec, Vec<u8>) {
    let mut spec = ComponentSpec::new(name);
    spec.imports
        .insert("test:fixture/greetings".to_owned(), callee.to_owned());
    let module = r#"(module
        (import "test:fixture/greetings" "hello" (func))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
        (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32)))"#;
    (spec, encode("importer", module))
}

/// The function that returns the migrations, and the memory behind it.
fn list(migrations: &[&str]) -> String {
    if migrations.is_empty() {
        return String::new();
    }
    let (mut records, mut texts) = (Vec::new(), Vec::new());
    for (version, sql) in (1..).zip(migrations) {
        let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let name = format!("migration {version}");
        records.extend(number(version));
        for text in [&*name, sql] {
            records.extend(number(TEXTS + texts.len()));
            records.extend(number(text.len()));
            texts.extend(text.as_bytes());
        }
        records.extend(number(0));
    }
    let head = [LIST, migrations.len()].map(|number| u32::try_from(number).unwrap().to_le_bytes());
    format!(
        r#"(func (export "berth:migrations/migrations@0.1.0#list") (result i32) (i32.const 16))
        (data (i32.const 16) "{}") (data (i32.const {LIST}) "{}") (data (i32.const {TEXTS}) "{}")"#,
        escaped(&head.concat()),
        escaped(&records),
        escaped(&texts)
    )
}

/// Bytes, as the text format of WebAssembly writes them.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "\\{byte:02x}");
        text
    })
}

fn encode(world: &str, module: &str) -> Vec<u8> {
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    resolve
        .push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit"))
        .unwrap();
    let package = resolve.push_str("fixture.wit", WIT).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}
