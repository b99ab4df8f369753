//! The OpenAPI document in a custom section of a component. There, the document takes no memory of an instance, which
//! the host would restore after each request.
//!
//! The compiling process copies the document to the end of the file of the machine code, so that the host reads the
//! document without the component's bytes. The end of the file consists of the document, its number of bytes
//! (little-endian), and a mark.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use wasmparser::{Parser, Payload};

/// The name of the section: the WIT package that describes the document.
const SECTION: &str = "berth:openapi";

/// The end of the file. Another format needs another mark.
pub(super) const MARK: &[u8; 8] = b"BERTHOA1";

/// Bytes of the document's length and the mark.
const TRAILER_BYTES: u64 = 12;

/// The largest document, in bytes.
const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// The document of a component, from the first section with the name; empty if there is none.
pub(super) fn find(component: &[u8]) -> wasmtime::Result<&[u8]> {
    let payloads = Parser::new(0).parse_all(component).map_while(Result::ok);
    let mut sections = payloads.filter_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SECTION => Some(section.data()),
        _ => None,
    });
    let document = sections.next().unwrap_or_default();
    if document.len() > MAX_DOCUMENT_BYTES {
        wasmtime::bail!(
            "its custom section `{SECTION}` has {} bytes; the maximum is {MAX_DOCUMENT_BYTES}",
            document.len()
        );
    }
    Ok(document)
}

/// Appends a document to a file of machine code.
pub(super) fn append(document: &[u8], output: &mut impl io::Write) -> io::Result<()> {
    output.write_all(document)?;
    output.write_all(&u32::try_from(document.len()).unwrap_or_default().to_le_bytes())?;
    output.write_all(MARK)
}

/// Reads the end of a file of machine code. Returns the document, if there is one, and the number of bytes before the
/// document.
pub(super) fn read(file: &File) -> io::Result<(Option<Arc<[u8]>>, u64)> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "the file does not end as it should");
    let trailer_start = file.metadata()?.len().checked_sub(TRAILER_BYTES);
    let trailer_start = trailer_start.ok_or_else(malformed)?;
    let mut trailer = [0; 12];
    file.read_exact_at(&mut trailer, trailer_start)?;
    let (length, mark) = trailer.split_at(4);
    let length = length.try_into().map(u32::from_le_bytes).unwrap_or_default();
    let start = trailer_start.checked_sub(u64::from(length));
    let start = start.filter(|_| mark == MARK).ok_or_else(malformed)?;
    let mut document = vec![0; length as usize];
    file.read_exact_at(&mut document, start)?;
    Ok(((length > 0).then(|| document.into()), start))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::io::Write as _;

    use super::*;
    use crate::fixtures::{Host, component, spec};

    const WIT: &str = "package test:described; world described { export wasi:http/incoming-handler@0.2.12; }";

    /// A component with this document in a section of its module.
    fn described(document: &str) -> Vec<u8> {
        let document = document.escape_default();
        let module = format!(
            r#"(module
                (memory (export "memory") 1)
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8))
                (func (export "wasi:http/incoming-handler@0.2.12#handle") (param i32 i32))
                (@custom "{SECTION}" "{document}"))"#
        );
        component(WIT, "described", &module)
    }

    #[tokio::test]
    async fn a_version_has_the_document_of_its_section() {
        let host = Host::new();
        // The second time, the machine code comes from the cache, which has the document too.
        for _ in 0..2 {
            let candidate = host
                .verify(spec("described", &[]), &described(r#"{"paths":{}}"#))
                .await;
            assert_eq!(candidate.unwrap().linked().openapi(), Some(r#"{"paths":{}}"#));
        }
    }

    #[tokio::test]
    async fn a_section_that_is_no_document_refuses_the_version() {
        let host = Host::new();
        let refused = host.verify(spec("described", &[]), &described("nonsense")).await;
        let reason = refused.err().unwrap().to_string();
        assert!(reason.contains("is not valid JSON"), "{reason}");
    }

    #[test]
    fn a_document_has_a_maximum() {
        let error = find(&described(&"x".repeat(MAX_DOCUMENT_BYTES + 1)))
            .err()
            .unwrap();
        assert!(error.to_string().contains("the maximum is 4194304"), "{error}");
    }

    #[test]
    fn a_file_that_ends_otherwise_is_malformed() {
        for end in [b"short".to_vec(), vec![0; 100], [&[0xff; 4][..], MARK].concat()] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&end).unwrap();
            assert!(read(&file).is_err(), "{end:?}");
        }
    }
}
