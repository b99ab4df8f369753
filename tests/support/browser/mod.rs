//! A real Chromium, driven as a person drives it: by the mouse, by keys, and by the names that a screen reader says.
//!
//! - `devtools`: Chromium's own protocol. Its pipe needs no other program and no other crate; `WebDriver` has neither the
//!   console, nor a browser that is offline, nor the names of a screen reader
//! - `page`: a page, and what a person does with it
//!
//! Without Chromium the tests that need it are skipped with a message, unless `BERTH_BROWSER_TESTS` is `always`.

mod devtools;
mod page;

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::devtools::DevTools;
pub(crate) use self::page::Page;
use super::app::{Host, ROOT};

/// The names of Chromium on `PATH`.
const PROGRAMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// The value of `BERTH_BROWSER_TESTS` with which no test is skipped.
const ALWAYS: &str = "always";

const PICTURES: &str = "BERTH_PICTURES";

/// Where `cargo xtask test` installs axe-core.
const AXE: &str = ".berth/tools/browser/node_modules/axe-core/axe.min.js";

/// How many browsers run at once: each of them is busy with several processes.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// A browser with a profile of its own. It ends when it is dropped.
pub(crate) struct Browser {
    devtools: DevTools,
    _one: SemaphorePermit<'static>,
}

impl Browser {
    /// Starts a browser; none if there is no Chromium and the tests may be skipped.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program() else {
            skip("there is no Chromium: `apt-get install chromium`");
            return None;
        };
        let one = BROWSERS.acquire().await.unwrap();
        Some(Self {
            devtools: DevTools::start(&program),
            _one: one,
        })
    }

    /// Opens an empty tab for the pages of `host`.
    pub(crate) async fn page(&self, host: &Host) -> Page<'_> {
        self.open(host.url("")).await
    }

    /// Opens an empty tab for the console of `host`.
    pub(crate) async fn console(&self, host: &Host) -> Page<'_> {
        self.open(host.admin_url()).await
    }

    async fn open(&self, base: String) -> Page<'_> {
        let target = self
            .devtools
            .call(None, "Target.createTarget", json!({ "url": "about:blank" }))
            .await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = self.devtools.call(None, "Target.attachToTarget", attach).await;
        Page::new(&self.devtools, session["sessionId"].as_str().unwrap(), base).await
    }
}

/// The source of axe-core; none if it is not installed and the tests may be skipped.
pub(crate) fn axe() -> Option<String> {
    let source = std::fs::read_to_string(PathBuf::from(ROOT).join(AXE)).ok();
    if source.is_none() {
        skip("axe-core is not installed: install npm, and run `cargo xtask test`");
    }
    source
}

/// Writes a picture of the page into docs/, if the variable [`PICTURES`] is set.
pub(crate) async fn picture(page: &Page<'_>, name: &str) {
    if variable(PICTURES).is_some() {
        let file = PathBuf::from(ROOT).join(format!("docs/{name}.png"));
        std::fs::write(file, page.picture().await).unwrap();
    }
}

/// A variable of the environment of the tests.
fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it is a setting of the tests, and not of the host"
    )]
    std::env::var(name).ok()
}

fn program() -> Option<PathBuf> {
    let (_, path) = super::app::path()?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let programs = PROGRAMS
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs.into_iter().find(|program| program.is_file())
}

/// Says that a test is skipped, past the capture of its output; fails where none may be.
fn skip(reason: &str) {
    assert!(
        variable("BERTH_BROWSER_TESTS").as_deref() != Some(ALWAYS),
        "{reason}"
    );
    let _ = writeln!(std::io::stderr(), "Skipped a test in the browser: {reason}");
}
