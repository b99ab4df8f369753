//! The files of a directory as they are served, which all are of one moment.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, header};

use super::content::Content;
use super::listing::{Found, LeftOut, Listing, ListingError};
use super::spec::FilesSpec;

/// How often a directory is read anew because it changes meanwhile.
const ATTEMPTS: u32 = 10;

/// The pause before a directory is read anew.
const PAUSE: Duration = Duration::from_millis(100);

/// The file that answers for its directory.
const INDEX: &str = "index.html";

/// The codings of precompressed files, the smallest first, and the ends of their names.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The content type of a file whose name tells none.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The files of a directory, by path. A set never changes.
#[derive(Debug, Default)]
pub struct FileSet {
    files: HashMap<String, StaticFile>,
    listing: Listing,
}

/// A file, and its compressed forms.
#[derive(Debug)]
pub(super) struct StaticFile {
    pub(super) content_type: HeaderValue,
    /// Whether the file never changes under its name.
    pub(super) is_immutable: bool,
    /// The file itself.
    pub(super) plain: Representation,
    /// Its compressed forms, each with its coding.
    pub(super) compressed: Vec<(&'static str, Representation)>,
}

/// One form of a file.
#[derive(Debug)]
pub(super) struct Representation {
    pub(super) content: Content,
    /// The length of the content, in bytes.
    pub(super) length: u64,
    /// The strong entity tag, in quotes.
    pub(super) tag: HeaderValue,
    /// When the file was last modified, in whole seconds; none for a time before 1970.
    pub(super) modified: Option<SystemTime>,
}

/// A directory that cannot become a set.
#[derive(Debug, thiserror::Error)]
pub enum FileSetError {
    /// The directory cannot be served.
    #[error(transparent)]
    Listing(#[from] ListingError),
    /// A file cannot be read.
    #[error("{} cannot be read ({error}): let the host's user read it", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
    /// The directory changes all the time.
    #[error("{} changes while it is read: make changes elsewhere, and rename the directory into place", .0.display())]
    Changing(PathBuf),
}

impl FileSet {
    /// Reads the directory of `spec` as it is at one moment. If the directory changes meanwhile, it is read anew. Blocks:
    /// call this where no request is served.
    pub fn read(spec: &FilesSpec) -> Result<Self, FileSetError> {
        for _ in 0..ATTEMPTS {
            let listing = Listing::read(&spec.directory)?;
            match Self::of(spec, listing) {
                Ok(set) if Listing::read(&spec.directory)? == set.listing => return Ok(set),
                // A file may be gone, or be another, because the directory changes.
                Ok(_) => {}
                Err(_) if is_changing(&spec.directory) => {}
                Err(error) => return Err(error),
            }
            sleep(PAUSE);
        }
        Err(FileSetError::Changing(spec.directory.clone()))
    }

    /// A set of files that are parts of this program, by their paths.
    pub(crate) fn of_program(files: impl IntoIterator<Item = (String, &'static [u8])>) -> Self {
        let file = |(path, bytes): (String, &'static [u8])| {
            let file = StaticFile {
                content_type: content_type(&path),
                is_immutable: false,
                plain: Representation::of_program(bytes),
                compressed: Vec::new(),
            };
            (path, file)
        };
        Self {
            files: files.into_iter().map(file).collect(),
            listing: Listing::default(),
        }
    }

    /// The source of the set.
    #[must_use]
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// The entries of the directory that are not served.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.listing.left_out
    }

    /// The file at `path`, relative to the directory: the file of this name, or the index of the directory of this name.
    pub(super) fn find(&self, path: &str) -> Option<&StaticFile> {
        if path.is_empty() {
            return self.files.get(INDEX);
        }
        let of_directory = || self.files.get(&format!("{path}/{INDEX}"));
        self.files.get(path).or_else(of_directory)
    }

    fn of(spec: &FilesSpec, listing: Listing) -> Result<Self, FileSetError> {
        let file = |(path, found): (&String, &Found)| {
            let compressed = CODINGS.iter().filter_map(|(coding, end)| {
                let found = listing.files.get(&format!("{path}{end}"))?;
                Some(Representation::read(found).map(|form| (*coding, form)))
            });
            let file = StaticFile {
                content_type: content_type(path),
                is_immutable: spec.is_immutable(path),
                plain: Representation::read(found)?,
                compressed: compressed.collect::<Result<_, _>>()?,
            };
            Ok::<_, FileSetError>((path.clone(), file))
        };
        let files = listing.files.iter().map(file).collect::<Result<_, _>>()?;
        Ok(Self { files, listing })
    }
}

/// Whether two looks at the directory differ.
fn is_changing(directory: &Path) -> bool {
    let before = Listing::read(directory).ok();
    sleep(PAUSE);
    before.is_none() || Listing::read(directory).ok() != before
}

impl Representation {
    fn read(found: &Found) -> Result<Self, FileSetError> {
        let unreadable = |error| FileSetError::Unreadable {
            path: found.path.clone(),
            error,
        };
        let (content, tag) = Content::read(found).map_err(unreadable)?;
        let seconds = u64::try_from(found.stamp.modified.0).ok();
        let since = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        Ok(Self {
            content,
            length: found.stamp.length,
            tag: quoted(&tag),
            modified: seconds.and_then(since),
        })
    }

    fn of_program(bytes: &'static [u8]) -> Self {
        let (content, tag) = Content::of_program(bytes);
        Self {
            content,
            length: bytes.len() as u64,
            tag: quoted(&tag),
            modified: None,
        }
    }

    /// The headers that name this form of the file.
    pub(super) fn validators(&self) -> impl Iterator<Item = (header::HeaderName, HeaderValue)> {
        let modified = self.modified.map(httpdate::fmt_http_date);
        let modified = modified.and_then(|date| HeaderValue::try_from(date).ok());
        let modified = modified.map(|date| (header::LAST_MODIFIED, date));
        std::iter::once((header::ETAG, self.tag.clone())).chain(modified)
    }
}

/// An entity tag, which is hexadecimal, as a header has it.
fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::try_from(format!("\"{tag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// The content type that a file's name tells. Text is UTF-8.
fn content_type(path: &str) -> HeaderValue {
    let guessed = mime_guess::from_path(path).first();
    let text = guessed.map_or_else(
        || UNKNOWN_TYPE.to_owned(),
        |guessed| {
            let is_text = guessed.type_() == mime_guess::mime::TEXT
                || guessed.subtype() == mime_guess::mime::JSON
                || guessed
                    .suffix()
                    .is_some_and(|suffix| matches!(suffix.as_str(), "json" | "xml"));
            if guessed.subtype() == mime_guess::mime::JAVASCRIPT {
                // The only current name (RFC 9239).
                "text/javascript; charset=utf-8".to_owned()
            } else if is_text {
                format!("{}; charset=utf-8", guessed.essence_str())
            } else {
                guessed.essence_str().to_owned()
            }
        },
    );
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(UNKNOWN_TYPE))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use std::fs;

    use http::HeaderMap;

    use super::*;

    fn spec(directory: &Path) -> FilesSpec {
        FilesSpec {
            name: "site".to_owned(),
            directory: directory.to_owned(),
            routes: Vec::new(),
            fallback: None,
            immutable: vec!["assets/".to_owned(), "logo.svg".to_owned()],
            headers: HeaderMap::new(),
            needs_login: false,
        }
    }

    fn set(files: &[&str]) -> FileSet {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        FileSet::read(&spec(folder.path())).unwrap()
    }

    #[test]
    fn a_directory_is_its_index_and_no_path_leads_elsewhere() {
        let set = set(&["index.html", "login/index.html", "a.js"]);
        let tag = |path: &str| set.find(path).map(|file| file.plain.tag.clone());
        for (path, same) in [
            ("", "index.html"),
            ("login", "login/index.html"),
            ("a.js", "a.js"),
        ] {
            assert!(tag(path).is_some());
            assert_eq!(tag(path), tag(same), "{path}");
        }
        for path in [
            "login/",
            "/",
            "/index.html",
            "login/../a.js",
            "..",
            "b.js",
            "./a.js",
            "a.js/",
        ] {
            assert_eq!(tag(path), None, "{path}");
        }
    }

    #[test]
    fn compressed_forms_belong_to_their_file_and_are_files_themselves() {
        let set = set(&["a.js", "a.js.br", "a.js.gz", "b.js", "c.js.gz"]);
        let codings = |path: &str| -> Vec<_> {
            let file = set.find(path).unwrap();
            file.compressed.iter().map(|(coding, _)| *coding).collect()
        };
        assert_eq!(codings("a.js"), ["br", "gzip"]);
        assert!(codings("b.js").is_empty());
        assert!(set.find("c.js").is_none());
        assert_eq!(set.find("c.js.gz").unwrap().content_type, "application/gzip");
        let file = set.find("a.js").unwrap();
        let tags = [
            &file.plain.tag,
            &file.compressed[0].1.tag,
            &file.compressed[1].1.tag,
        ];
        assert!(tags[0] != tags[1] && tags[1] != tags[2]);
    }

    #[test]
    fn names_tell_types_and_what_never_changes() {
        let types = [
            ("index.html", "text/html; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.mjs", "text/javascript; charset=utf-8"),
            ("a.json", "application/json; charset=utf-8"),
            ("logo.svg", "image/svg+xml; charset=utf-8"),
            ("a.png", "image/png"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("LICENSE", "application/octet-stream"),
        ];
        for (path, expected) in types {
            assert_eq!(content_type(path), expected, "{path}");
        }
        let set = set(&["assets/app.1f.js", "assets.js", "logo.svg", "index.html"]);
        let immutable = |path: &str| set.find(path).unwrap().is_immutable;
        assert!(immutable("assets/app.1f.js") && immutable("logo.svg"));
        assert!(!immutable("assets.js") && !immutable("index.html"));
    }
}
