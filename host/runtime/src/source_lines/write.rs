//! Converts DWARF to the table of lines. Only the compiling process runs this on a pushed component.

use std::collections::HashMap;
use std::io::{self, Write};

use gimli::{
    AttributeValue, DebugLine, DebugLineOffset, EndianSlice, Format, IncompleteLineProgram,
    LineProgramHeader, LittleEndian, SectionId,
};
use wasmparser::{Parser, Payload};

use super::{MARK, MAX_PATH_BYTES, Row};

/// Maximum number of rows of a table. A debug build of a large component has some hundred thousand.
const MAX_ROWS: usize = 2_000_000;

/// Bytes of an address in a core module of 32 bits.
const ADDRESS_BYTES: u8 = 4;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Whether a component contains the source lines of its instructions.
pub(crate) fn has_lines(component: &[u8]) -> bool {
    !Module::all_with_lines(component).is_empty()
}

/// Appends the lines of `component` to its machine code, which has `code_bytes` bytes.
pub(crate) fn append(component: &[u8], code_bytes: u64, output: &mut impl Write) -> io::Result<()> {
    let mut table = Table::default();
    for module in Module::all_with_lines(component) {
        // Rows that were read before the DWARF turned out malformed are kept.
        let _ = table.read(&module);
    }
    table.write(code_bytes, output)
}

/// The relevant sections of a core module.
#[derive(Default)]
struct Module<'a> {
    /// The place of its code section: addresses in DWARF are relative to it.
    code_start: usize,
    code_bytes: usize,
    debug_sections: HashMap<&'a str, &'a [u8]>,
}

impl<'a> Module<'a> {
    fn all_with_lines(component: &'a [u8]) -> Vec<Self> {
        let (mut modules, mut open) = (Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(component).map_while(Result::ok) {
            match payload {
                Payload::Version { .. } => open.push(Self::default()),
                Payload::End(_) => modules.extend(open.pop()),
                other => {
                    if let Some(module) = open.last_mut() {
                        module.read(&other);
                    }
                }
            }
        }
        modules.retain(|module| !module.section(SectionId::DebugLine).is_empty());
        modules
    }

    fn read(&mut self, payload: &Payload<'a>) {
        match payload {
            Payload::CodeSectionStart { range, .. } => {
                (self.code_start, self.code_bytes) = (range.start, range.len());
            }
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                self.debug_sections.insert(section.name(), section.data());
            }
            _ => {}
        }
    }

    fn section(&self, id: SectionId) -> Slice<'a> {
        EndianSlice::new(
            self.debug_sections.get(id.name()).copied().unwrap_or_default(),
            LittleEndian,
        )
    }

    /// The path of a file, relative where the compiler's was; empty if there is none.
    fn path(&self, header: &LineProgramHeader<Slice<'a>>, index: u64) -> String {
        let Some(file) = header.file(index) else {
            return String::new();
        };
        let name = self.text(&file.path_name());
        // Directory 0 is the one that the compiler ran in.
        let directory = file.directory(header).filter(|_| file.directory_index() != 0);
        let directory = directory
            .map(|directory| self.text(&directory))
            .unwrap_or_default();
        let is_whole = name.starts_with('/') || directory.is_empty();
        let mut path = if is_whole {
            name
        } else {
            format!("{directory}/{name}")
        };
        path.truncate(path.floor_char_boundary(MAX_PATH_BYTES));
        path
    }

    fn text(&self, value: &AttributeValue<Slice<'a>>) -> String {
        let from = |section, offset: usize| {
            let bytes = self.section(section).slice().get(offset..).unwrap_or_default();
            bytes.split(|&byte| byte == 0).next().unwrap_or_default()
        };
        let bytes = match value {
            AttributeValue::String(text) => text.slice(),
            AttributeValue::DebugStrRef(offset) => from(SectionId::DebugStr, offset.0),
            AttributeValue::DebugLineStrRef(offset) => from(SectionId::DebugLineStr, offset.0),
            _ => &[],
        };
        String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_PATH_BYTES)]).into_owned()
    }
}

/// The table while it is made.
#[derive(Default)]
struct Table {
    /// Each with its length before it.
    paths: Vec<u8>,
    /// Where each path is in `paths`, counted from 1.
    places_of_paths: HashMap<String, u32>,
    rows: Vec<Row>,
}

impl Table {
    /// Reads the line programs of a module, one after the other.
    fn read(&mut self, module: &Module<'_>) -> gimli::Result<()> {
        let section = module.section(SectionId::DebugLine);
        let lines = DebugLine::from(section);
        let mut offset = 0;
        while offset < section.len() {
            let program = lines.program(DebugLineOffset(offset), ADDRESS_BYTES, None, None)?;
            let header = program.header();
            offset += header.unit_length() + if header.format() == Format::Dwarf64 { 12 } else { 4 };
            self.run(program, module)?;
        }
        Ok(())
    }

    fn run<'a>(
        &mut self,
        program: IncompleteLineProgram<Slice<'a>>,
        module: &Module<'a>,
    ) -> gimli::Result<()> {
        let mut paths = HashMap::new();
        let mut sequence: Vec<Row> = Vec::new();
        // Code that the linker left out has an address that is none: 0, or one behind the end.
        let place = |address: u64| {
            let address = usize::try_from(address).ok().filter(|address| *address > 0);
            let place = address.filter(|address| *address <= module.code_bytes)? + module.code_start;
            u32::try_from(place).ok()
        };
        let (mut run, mut is_there) = (program.rows(), true);
        while let Some((header, row)) = run.next_row()? {
            if self.rows.len() + sequence.len() >= MAX_ROWS {
                return Ok(());
            }
            let index = row.file_index();
            let path = if row.end_sequence() {
                0
            } else {
                *paths
                    .entry(index)
                    .or_insert_with(|| self.place_of_path(&module.path(header, index)))
            };
            let line = row
                .line()
                .map_or(0, |line| u32::try_from(line.get()).unwrap_or(u32::MAX));
            match place(row.address()) {
                Some(place) => sequence.push(Row { place, path, line }),
                None => is_there = false,
            }
            if row.end_sequence() {
                if std::mem::replace(&mut is_there, true) {
                    self.rows.append(&mut sequence);
                }
                sequence.clear();
            }
        }
        Ok(())
    }

    fn place_of_path(&mut self, path: &str) -> u32 {
        if path.is_empty() {
            return 0;
        }
        if let Some(place) = self.places_of_paths.get(path) {
            return *place;
        }
        let place = u32::try_from(self.paths.len() + 1).unwrap_or_default();
        self.paths
            .extend(u16::try_from(path.len()).unwrap_or_default().to_le_bytes());
        self.paths.extend_from_slice(path.as_bytes());
        self.places_of_paths.insert(path.to_owned(), place);
        place
    }

    /// The rows in their order. Of several for one place the last counts, and one that begins a sequence before one that
    /// ends another.
    fn sorted(mut rows: Vec<Row>) -> Vec<Row> {
        rows.sort_by_key(|row| (row.place, row.path != 0));
        rows.reverse();
        rows.dedup_by_key(|row| row.place);
        rows.reverse();
        rows.dedup_by_key(|row| (row.path, row.line));
        rows
    }

    fn write(self, code_bytes: u64, output: &mut impl Write) -> io::Result<()> {
        let Ok(paths_start) = u32::try_from(code_bytes) else {
            return Ok(());
        };
        let rows = Self::sorted(self.rows);
        output.write_all(&self.paths)?;
        for Row { place, path, line } in &rows {
            let path = if *path == 0 {
                0
            } else {
                paths_start.saturating_add(path - 1)
            };
            [*place, path, *line]
                .iter()
                .try_for_each(|number| output.write_all(&number.to_le_bytes()))?;
        }
        output.write_all(&u32::try_from(rows.len()).unwrap_or_default().to_le_bytes())?;
        output.write_all(MARK)
    }
}
