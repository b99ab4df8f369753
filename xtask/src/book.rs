//! `cargo xtask book`: builds the book of docs/SUMMARY.md with mdBook, and checks its links.
//!
//! The pages are copied with the same paths as in the repository, and beside them every file that a page links to. So a
//! relative link leads to the same place on a page of the book and in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::run_within;
use crate::tidy::{LINKS_OF_FILES, files};
use crate::tools::Tools;
use crate::workspace::Workspace;

/// The folder of the pages and of the book's settings.
const DOCS: &str = "docs";

/// The table of contents, whose links are relative to [`DOCS`].
const SUMMARY: &str = "SUMMARY.md";

/// The settings.
const SETTINGS: &str = "book.toml";

/// The longest run of one tool.
const BOUND: Duration = Duration::from_mins(3);

/// Builds the book in the target directory.
pub(crate) fn book(workspace: &Workspace) -> Result<()> {
    let tools = Tools::prepare(workspace)?;
    let folder = workspace.target.join("book");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let docs = workspace.root.join(DOCS);
    copy(&docs.join(SETTINGS), &folder.join(SETTINGS))?;
    let source = folder.join("src");
    let summary = fs::read_to_string(docs.join(SUMMARY)).context("docs/SUMMARY.md cannot be read")?;
    let summary = relative_to_root(&summary);
    let pages: Vec<_> = targets(&summary).map(str::to_owned).collect();
    for page in &pages {
        copy(&workspace.root.join(page), &source.join(page))?;
    }
    fs::write(source.join(SUMMARY), &summary)?;
    for link in linked(workspace, &tools, &pages)? {
        copy_linked(workspace, &link, &source)?;
    }
    run_within(tools.compiled("mdbook")?.arg("build").arg(&folder), BOUND)?;
    let html = folder.join("book");
    let mut lychee = tools.wheel("lychee");
    lychee
        .args(LINKS_OF_FILES)
        .args(["--index-files", "index.html", "--root-dir"])
        .arg(&html)
        .args(page_files(&html, &pages));
    run_within(&mut lychee, BOUND)?;
    println!("The book is {}.", html.join("index.html").display());
    Ok(())
}

/// The summary with links that are relative to the root.
fn relative_to_root(summary: &str) -> String {
    let mut parts = summary.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.strip_prefix("../") {
        Some(part) => format!("{text}]({part}"),
        None => format!("{text}]({DOCS}/{part}"),
    })
}

/// The targets of the links of a summary.
fn targets(summary: &str) -> impl Iterator<Item = &str> {
    let parts = summary.split("](").skip(1);
    parts.filter_map(|part| Some(part.split_once(')')?.0))
}

/// The HTML of each page.
fn page_files(html: &Path, pages: &[String]) -> impl Iterator<Item = PathBuf> {
    let pages = pages.iter().map(|page| html.join(page).with_extension("html"));
    pages.chain([html.join("index.html")])
}

/// The files and folders of the repository that the pages link to, without the pages.
fn linked(workspace: &Workspace, tools: &Tools, pages: &[String]) -> Result<Vec<String>> {
    let root = fs::canonicalize(&workspace.root)?;
    let mut lychee: Command = tools.wheel("lychee");
    let output = lychee
        .current_dir(&root)
        .args(["--dump", "--offline"])
        .args(pages)
        .output()?;
    ensure!(
        output.status.success(),
        "lychee --dump: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let begin = format!("file://{}/", root.display());
    let links = String::from_utf8_lossy(&output.stdout);
    let mut paths: Vec<_> = links
        .lines()
        .filter_map(|link| link.strip_prefix(&begin)?.split('#').next())
        .map(|path| path.trim_end_matches('/').to_owned())
        .filter(|path| !path.is_empty() && !pages.contains(path))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

/// Copies a file, or the files of a folder with a page that lists them.
fn copy_linked(workspace: &Workspace, path: &str, source: &Path) -> Result<()> {
    let (from, to) = (workspace.root.join(path), source.join(path));
    if !from.is_dir() {
        return copy(&from, &to);
    }
    fs::create_dir_all(&to)?;
    let mut links = Vec::new();
    for file in files(workspace, path)? {
        // A link to a folder is no file: the folder's own path has the files.
        if !workspace.root.join(&file).is_file() {
            continue;
        }
        copy(&workspace.root.join(&file), &source.join(&file))?;
        let name = file.strip_prefix(path).unwrap_or(&file).trim_start_matches('/');
        links.push(format!("<li><a href=\"{name}\">{name}</a></li>\n"));
    }
    let links = links.concat();
    let page = format!("<!DOCTYPE html>\n<title>{path}</title>\n<h1>{path}</h1>\n<ul>\n{links}</ul>\n");
    fs::write(to.join("index.html"), page)?;
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("{} cannot be copied", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_in_the_root_leads_to_the_same_pages() {
        let summary = "# Summary\n\n[Berth](../README.md)\n\n- [Components](components.md)\n";
        let placed = relative_to_root(summary);
        assert_eq!(
            placed,
            "# Summary\n\n[Berth](README.md)\n\n- [Components](docs/components.md)\n"
        );
        let pages: Vec<_> = targets(&placed).collect();
        assert_eq!(pages, ["README.md", "docs/components.md"]);
    }
}
