//! The operators' console: a page, its style and its scripts, which are parts of this program.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use include_dir::{Dir, include_dir};

use super::error::AdminError;
use crate::files::{self, FileSet, FilesError, FilesSpec, FilesTables};

/// The directory of the console's own files.
static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/console");

/// The files that the pages for people have, too.
const SHARED: [(&str, &[u8]); 3] = [
    ("icon.svg", include_bytes!("../../../components/web/icon.svg")),
    (
        "js/elements.js",
        include_bytes!("../../../components/web/js/elements.js"),
    ),
    (
        "js/events.js",
        include_bytes!("../../../components/web/js/events.js"),
    ),
];

/// The path of the page.
pub(super) const PAGE: &str = "/";

/// The paths of its style and scripts.
pub(super) const PARTS: &str = "/console/{*rest}";

/// Nothing of another site, no script in the page itself, and no HTML that is made of text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The files, with their routes.
pub(super) struct Console(FilesTables);

impl Console {
    /// Reads the files of this program.
    pub(super) fn new() -> Result<Self, FilesError> {
        let mut tables = FilesTables::default();
        tables.add(spec(), FileSet::of_program(files()))?;
        Ok(Self(tables))
    }
}

fn spec() -> FilesSpec {
    let headers = [
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    FilesSpec {
        name: "console".to_owned(),
        directory: PathBuf::new(),
        routes: [PAGE, PARTS]
            .into_iter()
            .filter_map(|path| path.parse().ok())
            .collect(),
        fallback: None,
        immutable: Vec::new(),
        headers: headers.into_iter().collect(),
        needs_login: false,
    }
}

fn files() -> impl Iterator<Item = (String, &'static [u8])> {
    let own = FILES.files().chain(FILES.dirs().flat_map(Dir::files));
    let own = own.map(|file| (file.path().to_string_lossy().into_owned(), file.contents()));
    let shared = SHARED.iter().map(|(path, bytes)| ((*path).to_owned(), *bytes));
    own.chain(shared)
}

/// Whether the console answers this path.
pub(super) fn has(path: &str) -> bool {
    path == PAGE || path.starts_with("/console/")
}

/// Answers a request for the page or a part of it.
pub(super) async fn answer(State(console): State<Arc<Console>>, request: Request) -> Response {
    match console.0.find(request.uri().path()) {
        Some(file) => files::answer(&file, request.method(), request.headers()).into_response(),
        None => AdminError::NotFound.into_response(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    /// The text between `before` and the next quotation mark, wherever it is in a file.
    fn quoted_after<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before)
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
    }

    #[test]
    fn every_file_that_the_page_and_its_scripts_name_is_there() {
        let console = Console::new().unwrap();
        let has = |path: &str| console.0.find(path).is_some_and(|file| file.has_file());
        assert!(has("/"));
        for (path, bytes) in files() {
            let text = std::str::from_utf8(bytes).unwrap();
            for named in quoted_after(text, "\"/console/") {
                assert!(has(&format!("/console/{named}")), "{path}: {named}");
            }
            for named in quoted_after(text, "from \"./") {
                assert!(has(&format!("/console/js/{named}")), "{path}: {named}");
            }
        }
        assert!(!has("/console/js"));
    }

    #[test]
    fn no_file_asks_another_site() {
        for (path, bytes) in files() {
            let text = std::str::from_utf8(bytes).unwrap();
            let urls = text.matches("http://").count() + text.matches("https://").count();
            let namespaces = text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(urls, namespaces, "{path}");
        }
    }
}
