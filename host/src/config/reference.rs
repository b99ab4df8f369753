//! The table of variables as text, for `berth --help` and for docs/configuration.md.

use super::table::{ALL, OF_LIBRARIES};
use super::variable::Unset;

/// The part of `berth --help` about configuration: each variable with its first sentence and its default.
#[must_use]
pub fn help() -> String {
    let rows = ALL.iter().map(|row| {
        let text = format!("{} [default: {}]", summary(row.doc), words(&row.unset));
        entry(row.name, &text)
    });
    let rows: String = rows.collect();
    let libraries = OF_LIBRARIES.map(|(names, doc)| entry(names, doc)).concat();
    let secrets: Vec<_> = ALL
        .iter()
        .filter(|row| row.name_of_file.is_some())
        .map(|row| row.name)
        .collect();
    format!(
        "Everything is configured by the manifest and by environment variables:\n\n{rows}\n\
         The secrets {} may also be read from a file, whose path is in a variable with _FILE at its end.\n\n\
         Libraries in the host's process read these variables:\n\n{libraries}",
        secrets.join(", ")
    )
}

/// An entry of the help, without the marks of Markdown.
fn entry(names: &str, text: &str) -> String {
    format!("  {names}\n          {text}\n").replace('`', "")
}

/// A doc's first sentence, without its full stop.
fn summary(doc: &str) -> &str {
    let doc = doc.trim();
    let end = doc.find(". ").unwrap_or(doc.len());
    doc[..end].trim_end_matches('.')
}

fn words(unset: &Unset) -> &str {
    match unset {
        Unset::Value(text) | Unset::Words(text) => text,
    }
}

/// The tables of docs/configuration.md.
#[cfg(test)]
fn markdown() -> String {
    let rows = ALL.iter().map(|row| {
        let file = row.name_of_file;
        let file = file.map(|file| format!(", `{file}`")).unwrap_or_default();
        let default = match row.unset {
            Unset::Value(text) => format!("`{text}`"),
            Unset::Words(text) => text.to_owned(),
        };
        format!("| `{}`{file} | {} | {default} |\n", row.name, row.doc.trim())
    });
    let rows: String = rows.collect();
    let libraries = OF_LIBRARIES.map(|(names, doc)| format!("| {names} | {doc} |\n"));
    format!(
        "| variable | meaning | default |\n| --- | --- | --- |\n{rows}\n\
         Libraries in the host's process read these variables by themselves:\n\n\
         | variable | meaning |\n| --- | --- |\n{}",
        libraries.concat()
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs;

    use super::*;

    /// The page with the tables.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    /// The lines around the tables.
    const BEGIN: &str = "<!-- Generated from host/src/config/table.rs. -->\n\n";
    const END: &str = "\n<!-- The end of the generated part. -->";

    /// Writes the page if its tables are outdated, so that the test passes when it runs again.
    #[test]
    fn the_page_has_the_tables() {
        let page = fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(BEGIN).unwrap();
        let (tables, after) = rest.split_once(END).unwrap();
        let wanted = markdown();
        if tables != wanted {
            fs::write(PAGE, [before, BEGIN, &wanted, END, after].concat()).unwrap();
        }
        assert!(
            tables == wanted,
            "docs/configuration.md was outdated and is written anew: commit it"
        );
    }

    #[test]
    fn the_help_has_each_variable_with_its_first_sentence_and_its_default() {
        let help = help();
        for row in ALL {
            assert!(help.contains(&format!("\n  {}\n", row.name)), "{}", row.name);
        }
        assert!(
            help.contains("\n          The port to listen on [default: 8000]\n"),
            "{help}"
        );
        assert!(help.contains("none in production]"), "{help}");
        assert!(
            help.contains("DATABASE_URL, JWT_SECRET, COHERE_API_KEY, ADMIN_TOKEN"),
            "{help}"
        );
        assert!(!help.contains('`'), "{help}");
    }

    #[test]
    fn each_row_is_a_sentence_that_fits_a_table() {
        for row in ALL {
            let doc = row.doc.trim();
            assert!(
                doc.ends_with('.') && !doc.contains(['|', '\n']) && !doc.contains("  "),
                "{doc}"
            );
            assert!(!words(&row.unset).is_empty(), "{}", row.name);
        }
    }
}
