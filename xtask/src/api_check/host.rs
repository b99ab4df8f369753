//! The host under test: berth.toml with the fake Cohere, on a PostgreSQL of its own.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::run;
use crate::http;
use crate::postgres::Postgres;
use crate::workspace::Workspace;
use crate::{fake_cohere, setup, wasm};

/// The longest start of the host. A development build compiles the components.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// A host that is stopped when it is dropped.
pub(super) struct Host {
    pub(super) address: SocketAddr,
    child: Child,
    cohere: Child,
    log: PathBuf,
    _postgres: Postgres,
}

impl Host {
    /// Builds the host for development, starts it, and waits until it is ready. Its data and its log are in `folder`.
    pub(super) fn start(workspace: &Workspace, folder: &Path) -> Result<Self> {
        setup::target()?;
        wasm::components(workspace)?;
        // Builds the tests as well, so that dependencies are compiled as `cargo xtask test` needs them, and only once.
        run(wasm::without_fixtures(workspace, "build").args(["--bins", "--tests"]))?;
        let (cohere, cohere_url) = fake_cohere::start(&workspace.program("debug", "fake-cohere"))?;
        let postgres = Postgres::start(workspace)?;
        let (address, operators) = (http::free_address()?, http::free_address()?);
        let log = folder.join("host.log");
        let child = Command::new(workspace.program("debug", "berth"))
            .arg("serve")
            .current_dir(&workspace.root)
            .envs([
                ("HOST", address.ip().to_string()),
                ("PORT", address.port().to_string()),
            ])
            .envs([
                ("ADMIN_ADDR", operators.to_string()),
                ("DATABASE_URL", postgres.url()),
            ])
            .envs([
                ("LOG_FORMAT", "json"),
                ("RUST_LOG", "info"),
                ("ENVIRONMENT", "development"),
            ])
            // The fake accepts any key.
            .envs([("COHERE_BASE_URL", &*cohere_url), ("COHERE_API_KEY", "fake")])
            .env("BERTH_DATA_DIR", folder.join("data"))
            .stdin(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("the host does not start")?;
        let mut host = Self {
            address,
            child,
            cohere,
            log,
            _postgres: postgres,
        };
        host.wait_until_ready()?;
        Ok(host)
    }

    /// The host's base URL.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Fails if the host has logged an error.
    pub(super) fn ensure_unharmed(&self) -> Result<()> {
        let log = fs::read_to_string(&self.log)?;
        let error = log.lines().find(|line| line.contains(r#""level":"ERROR""#));
        ensure!(
            error.is_none(),
            "the host has logged an error: {}",
            error.unwrap_or_default()
        );
        Ok(())
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let start = Instant::now();
        while !http::get(self.address, "/ready", None).is_ok_and(|answer| answer.status == 200) {
            let ended = self.child.try_wait()?;
            ensure!(ended.is_none(), "the host has ended: see {}", self.log.display());
            ensure!(
                start.elapsed() < START_TIMEOUT,
                "the host is not ready: see {}",
                self.log.display()
            );
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // An error means that the process has ended already.
        for child in [&mut self.child, &mut self.cohere] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
