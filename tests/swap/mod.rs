//! Swaps: a version of a component replaces the version before, or nothing changes and the report has the reason.

mod access;
mod command_line;
mod compiling;
mod killed;
mod load;
mod precedence;
mod probes;
mod pushes;
mod refusals;
mod replicas;
mod rollback;
mod watching;

use tempfile::TempDir;

use crate::support::app::Host;
use crate::support::operator::Operator;
use crate::support::versions::versioned;
use crate::support::{App, Component, Send as _};

/// A host of the fixture `version`, its first version live.
struct Swapping {
    app: App,
    operator: Operator,
    _files: TempDir,
}

impl Swapping {
    /// With these settings of the first version, and what the manifest says besides.
    async fn start(settings: &str, manifest: impl FnOnce(Component) -> Component) -> Self {
        let files = tempfile::tempdir().unwrap();
        let app = App::serving([manifest(versioned(files.path(), settings))])
            .start()
            .await;
        let operator = app.operator();
        Self {
            app,
            operator,
            _files: files,
        }
    }

    /// Which version answers, and what: `version@1 one`.
    async fn answer(&self) -> String {
        answer_of(&self.app).await
    }
}

/// Which version of the fixture answers, and what: `version@1 one`.
pub(crate) async fn answer_of(app: &Host) -> String {
    let answer = app.get("/version").answer().await.expect(200);
    format!("{} {}", answer.header("x-component").unwrap(), answer.text())
}
