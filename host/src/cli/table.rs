//! Aligned columns. The contents of a cell cannot break the alignment.

use crate::escape::escape;

/// Rows below a head, each cell as wide as the widest of its column.
pub(super) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| escape(cell)))
        .collect();
    let mut widths = head.map(width);
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    let mut text = line(head, widths);
    for row in &rows {
        text += &line(row.each_ref().map(String::as_str), widths);
    }
    text
}

/// Lines below labels: `  label  value`, and further values below the first. A label without values is omitted.
pub(super) fn labelled(parts: &[(&str, Vec<String>)]) -> String {
    let parts = || parts.iter().filter(|(_, values)| !values.is_empty());
    let widest = parts().map(|(label, _)| width(label)).max().unwrap_or_default();
    let mut text = String::new();
    for (label, values) in parts() {
        let labels = std::iter::once(*label).chain(std::iter::repeat(""));
        for (label, value) in labels.zip(values) {
            text += "  ";
            text += &line([label, &escape(value)], [widest, 0]);
        }
    }
    text
}

fn line<const N: usize>(cells: [&str; N], widths: [usize; N]) -> String {
    let padded = cells
        .into_iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"));
    let line: Vec<_> = padded.collect();
    format!("{}\n", line.join("  ").trim_end())
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 3]) -> [String; 3] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = table(
            ["A", "LONG HEAD", "C"],
            &[row(["übrig", "b", "last"]), row(["", "bb", ""])],
        );
        assert_eq!(text, "A      LONG HEAD  C\nübrig  b          last\n       bb\n");
    }

    #[test]
    fn what_is_in_a_cell_stays_in_it() {
        let text = table(["A", "B", "C"], &[row(["\u{1b}[2J", "two\nlines", "c"])]);
        assert_eq!(text, "A          B           C\n\\u{1b}[2J  two\\nlines  c\n");
    }

    #[test]
    fn further_values_stand_below_the_first() {
        let values = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
        let parts = [
            ("one", values(&["1"])),
            ("nothing", values(&[])),
            ("two", values(&["2", "zwei\r"])),
        ];
        assert_eq!(labelled(&parts), "  one  1\n  two  2\n       zwei\\r\n");
    }
}
