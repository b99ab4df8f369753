//! Source lines for places in a component's code.
//!
//! A component's DWARF is as untrusted as the component. So the compiling process reads the DWARF, and appends a plain
//! table of lines to the file of the machine code. The host reads a few bytes of this table for each frame of a trap.
//!
//! The file consists of the machine code, the paths, the rows, the number of rows, and a mark. Numbers are
//! little-endian.

mod write;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

pub(crate) use write::{append, has_lines};

/// The end of a file with lines. Another format of the table needs another mark.
pub(crate) const MARK: &[u8; 8] = b"BERTHLN1";

/// Bytes of the number of rows and the mark.
const TRAILER_BYTES: u64 = 12;

/// Bytes of a row: four for each of its numbers.
const ROW_BYTES: u64 = 12;

/// The longest kept part of a path, in bytes.
const MAX_PATH_BYTES: usize = 300;

/// The lines of one component, in the file of its machine code.
#[derive(Debug)]
pub(crate) struct SourceLines {
    file: File,
    rows_start: u64,
    rows: u32,
}

/// A row of the table. It holds from its place to that of the next row, which is further back in the component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    /// The place of an instruction, from the beginning of the component.
    place: u32,
    /// The place of the path in the file. 0 where no source is known.
    path: u32,
    line: u32,
}

impl SourceLines {
    /// The lines in a file of machine code, if there are any.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let Some(rows_end) = file.metadata()?.len().checked_sub(TRAILER_BYTES) else {
            return Ok(None);
        };
        let mut trailer = [0; 12];
        file.read_exact_at(&mut trailer, rows_end)?;
        let (rows, mark) = trailer.split_at(4);
        let rows = number(rows);
        let rows_start = rows_end.checked_sub(u64::from(rows) * ROW_BYTES);
        Ok(rows_start.filter(|_| mark == MARK).map(|rows_start| Self {
            file,
            rows_start,
            rows,
        }))
    }

    /// The path and the line of the instruction at `place`, counted from the beginning of the component.
    pub(crate) fn find(&self, place: usize) -> Option<(String, u32)> {
        let place = u32::try_from(place).ok()?;
        // The first row that begins behind the place.
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)?.place <= place {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let row = self.row(low.checked_sub(1)?)?;
        Some((self.path(row)?, row.line))
    }

    fn row(&self, index: u32) -> Option<Row> {
        let mut bytes = [0; 12];
        self.file
            .read_exact_at(&mut bytes, self.rows_start + u64::from(index) * ROW_BYTES)
            .ok()?;
        Some(Row {
            place: number(&bytes[..4]),
            path: number(&bytes[4..8]),
            line: number(&bytes[8..]),
        })
    }

    fn path(&self, row: Row) -> Option<String> {
        if row.path == 0 {
            return None;
        }
        let mut length = [0; 2];
        self.file.read_exact_at(&mut length, row.path.into()).ok()?;
        let mut path = vec![0; usize::from(u16::from_le_bytes(length)).min(MAX_PATH_BYTES)];
        self.file.read_exact_at(&mut path, u64::from(row.path) + 2).ok()?;
        String::from_utf8(path).ok()
    }
}

/// The number in four bytes.
fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map(u32::from_le_bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests;
