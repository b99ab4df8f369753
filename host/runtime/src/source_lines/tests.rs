#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fmt::Write as _;

use gimli::write::{Address, EndianVec, LineProgram, LineString, LineStringTable, StringTable};
use gimli::{Encoding, Format, LineEncoding, LittleEndian};
use wasmparser::{Parser, Payload};

use super::*;
use crate::fixtures::{Host, component, spec};

const WIT: &str = "package test:fails;
    world fails { export wasi:http/incoming-handler@0.2.12; export berth:openapi/document@0.1.0; }";
const DOCUMENT: &str = "berth:openapi/document@0.1.0#get";

/// A core module whose function `fails::get` fails, with a custom section besides.
fn module(section: &str) -> String {
    format!(
        r#"(module $fails
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
            (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32))
            (func $_ZN5fails3get17h0123456789abcdefE (export "{DOCUMENT}") (result i32) unreachable)
            {section})"#
    )
}

/// DWARF that says where the last function of a module comes from, as a custom section in text.
fn lines(module: &str) -> String {
    let wasm = wat::parse_str(module).unwrap();
    let (mut code_start, mut last) = (0, 0..0);
    for payload in Parser::new(0).parse_all(&wasm) {
        match payload.unwrap() {
            Payload::CodeSectionStart { range, .. } => code_start = range.start,
            Payload::CodeSectionEntry(body) => last = body.range(),
            _ => {}
        }
    }
    let encoding = Encoding {
        format: Format::Dwarf32,
        version: 4,
        address_size: 4,
    };
    let path = |text: &str| LineString::String(text.into());
    let mut program = LineProgram::new(
        encoding,
        LineEncoding::default(),
        path("/work"),
        None,
        path("src/lib.rs"),
        None,
    );
    let directory = program.add_directory(path("src"));
    let file = program.add_file(path("documents.rs"), directory, None);
    program.begin_sequence(Some(Address::Constant((last.start - code_start) as u64)));
    (program.row().file, program.row().line) = (file, 7);
    program.generate_row();
    program.end_sequence(last.len() as u64);
    let mut section = gimli::write::DebugLine(EndianVec::new(LittleEndian));
    program
        .write(
            &mut section,
            encoding,
            &mut LineStringTable::default(),
            &mut StringTable::default(),
        )
        .unwrap();
    custom(section.0.slice())
}

/// A section of this content, in text.
fn custom(content: &[u8]) -> String {
    let mut text = String::new();
    for byte in content {
        write!(text, "\\{byte:02x}").unwrap();
    }
    format!("(@custom \".debug_line\" \"{text}\")")
}

/// Why a component with this module is refused, which fails when it is asked for its document.
async fn refusal(module: &str) -> String {
    let host = Host::new();
    let wasm = component(WIT, "fails", module);
    host.verify(spec("fails", &[]), &wasm)
        .await
        .err()
        .unwrap()
        .to_string()
}

#[tokio::test]
async fn a_component_with_dwarf_says_in_which_line_it_failed() {
    let dwarf = lines(&module(""));
    let reason = refusal(&module(&dwarf)).await;
    assert!(
        reason.contains("unreachable") && reason.contains(" at fails::get (src/documents.rs:7)"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_component_without_dwarf_says_in_which_function_it_failed() {
    let reason = refusal(&module("")).await;
    assert!(reason.ends_with(" at fails::get"), "{reason}");
}

#[tokio::test]
async fn dwarf_that_is_malformed_says_nothing() {
    for content in [&b""[..], b"no dwarf", &[0xff; 64], &[0; 64]] {
        let reason = refusal(&module(&custom(content))).await;
        assert!(reason.ends_with(" at fails::get"), "{reason}");
    }
}

#[test]
fn a_file_without_lines_has_none() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for content in [
        &b""[..],
        b"short",
        b"longer than a trailer",
        b"\xff\xff\xff\x0fBERTHLN1",
    ] {
        std::fs::write(file.path(), content).unwrap();
        assert!(
            SourceLines::open(file.reopen().unwrap(), content.len() as u64)
                .unwrap()
                .is_none()
        );
    }
}
