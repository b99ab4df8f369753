//! docs/components.md, as its reader follows it: every command is run, and its output is what the page shows.

mod page;
mod terminal;

use std::fs;
use std::path::Path;

use page::Part;
use terminal::Terminal;

use crate::support::app::ROOT;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_component_developers_does_what_it_says() {
    let text = fs::read_to_string(Path::new(ROOT).join("docs/components.md")).unwrap();
    let parts = page::parts(&text);
    let commands = parts
        .iter()
        .filter(|part| matches!(part, Part::Command { .. }))
        .count();
    assert!(commands > 20, "the page is not understood: {parts:?}");
    let mut terminal = Terminal::open().await;
    for part in parts {
        match part {
            Part::File { name, text } => terminal.write(&name, &text),
            Part::Command { line, .. } if line.contains("berth serve") => terminal.serve(&line),
            Part::Command { line, output } => terminal.run(&line, &output),
        }
    }
}
