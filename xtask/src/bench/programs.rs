//! The measured programs: how to build and to start each.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::server::{Kind, Server};
use crate::command::run;
use crate::workspace::Workspace;
use crate::{setup, wasm};

/// The secret that Berth, native code and FastAPI share.
const SECRET: &str = "for-the-bench-and-nothing-else-at-all";

/// The token for pushes.
pub(crate) const ADMIN_TOKEN: &str = "for-the-bench";

/// The name of a component that is added to the project's own manifest, and does next to nothing.
pub(crate) const HELLO: &str = "hello";

/// Options that speed up `wasmtime serve`: instances from a pool, whose memory is cleaned only where it was written to.
const TUNED_POOL: [&str; 3] = [
    "-Opooling-allocator=y",
    "-Opooling-memory-keep-resident=1048576,pooling-table-keep-resident=1048576",
    "-Opooling-pagemap-scan=y",
];

/// Built programs, and the parameters of their start.
pub(crate) struct Programs<'a> {
    workspace: &'a Workspace,
    /// The folder of the bench's files.
    folder: PathBuf,
    database_url: String,
    cohere_url: String,
    /// The address of the host's admin API.
    pub(crate) admin: SocketAddr,
}

/// Builds all measured programs in release.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    setup::target()?;
    wasm::all(workspace)?;
    run(workspace.cargo("build").args([
        "--release",
        "-p",
        "berth",
        "-p",
        "bench-native",
        "-p",
        "fake-cohere",
    ]))
}

impl<'a> Programs<'a> {
    /// Writes the manifest into `folder`.
    pub(crate) fn new(
        workspace: &'a Workspace,
        folder: PathBuf,
        database_url: String,
        cohere_url: String,
    ) -> Result<Self> {
        // No connection on this machine is made from this address, so the port stays free from one start to the next.
        let admin = SocketAddr::from(([127, 0, 0, 2], crate::http::free_address()?.port()));
        let programs = Self {
            workspace,
            folder,
            database_url,
            cohere_url,
            admin,
        };
        fs::write(programs.manifest(), programs.manifest_text()?)?;
        Ok(programs)
    }

    /// Starts the host as it is deployed: the project's manifest, a release build. Only its log is off, because the
    /// other servers write none.
    pub(crate) fn berth(&self) -> Result<Server> {
        Server::start(Kind::Berth, |address| self.host(address, self.admin, "data"))
    }

    /// Starts a second host, which sends the traces of one request in a hundred to `collector`.
    pub(crate) fn traced(&self, collector: SocketAddr) -> Result<Server> {
        let admin = crate::http::free_address()?;
        let mut server = Server::start(Kind::BerthTraced, |address| {
            let mut command = self.host(address, admin, "data-traced");
            command.envs([
                ("OTEL_EXPORTER_OTLP_ENDPOINT", &*format!("http://{collector}")),
                ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
            ]);
            command
        })?;
        server.wait_until_ready()?;
        Ok(server)
    }

    fn host(&self, address: SocketAddr, admin: SocketAddr, data: &str) -> Command {
        let mut command = Command::new(self.workspace.program("release", "berth"));
        command
            .arg("serve")
            .envs([
                ("HOST", address.ip().to_string()),
                ("PORT", address.port().to_string()),
            ])
            .envs([
                ("DATABASE_URL", &*self.database_url),
                ("JWT_SECRET", SECRET),
                ("RUST_LOG", "warn"),
            ])
            .envs([("COHERE_BASE_URL", &*self.cohere_url), ("COHERE_API_KEY", "fake")])
            .envs([("ADMIN_ADDR", &*admin.to_string()), ("ADMIN_TOKEN", ADMIN_TOKEN)])
            .env("BERTH_MANIFEST", self.manifest())
            .env("BERTH_DATA_DIR", self.folder.join(data));
        command
    }

    /// Starts `bench/native`.
    pub(crate) fn native(&self) -> Result<Server> {
        let mut server = Server::start(Kind::Native, |address| {
            let mut command = Command::new(self.workspace.program("release", "bench-native"));
            command
                .env("PORT", address.port().to_string())
                .envs([("DATABASE_URL", &*self.database_url), ("JWT_SECRET", SECRET)]);
            command
        })?;
        server.wait_until_listening()?;
        Ok(server)
    }

    /// Starts `bench/fastapi` with one worker, in an environment that the first call makes.
    pub(crate) fn fastapi(&self) -> Result<Server> {
        let source = self.workspace.root.join("bench/fastapi");
        let environment = self.folder.join("fastapi");
        run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
        run(Command::new(environment.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(source.join("requirements.txt")))?;
        let mut server = Server::start(Kind::Fastapi, |address| {
            let mut command = Command::new(environment.join("bin/uvicorn"));
            command
                .args([
                    "main:app",
                    "--host=127.0.0.1",
                    "--no-access-log",
                    "--log-level=warning",
                ])
                .args(["--port", &address.port().to_string(), "--app-dir"])
                .arg(&source)
                .envs([("DATABASE_URL", &*self.database_url), ("JWT_SECRET", SECRET)])
                .env("PYTHONDONTWRITEBYTECODE", "1");
            command
        })?;
        server.wait_until_listening()?;
        Ok(server)
    }

    /// Starts `wasmtime serve` with its own defaults, and again with a tuned pool, if it is on the path or in
    /// `tools/bin` of the target directory. Returns an empty list if it is not.
    pub(crate) fn wasmtime_serve(&self) -> Result<Vec<Server>> {
        let own = self.workspace.target.join("tools/bin/wasmtime");
        let program = if own.is_file() {
            own
        } else {
            PathBuf::from("wasmtime")
        };
        if Command::new(&program).arg("--version").output().is_err() {
            return Ok(Vec::new());
        }
        let start = |kind, options: &[&str]| -> Result<Server> {
            let mut server = Server::start(kind, |address| {
                let mut command = Command::new(&program);
                command
                    .args(["serve", "-Scli", "--addr", &address.to_string()])
                    .args(options)
                    .arg(self.hello());
                command
            })?;
            server.wait_until_listening()?;
            Ok(server)
        };
        Ok(vec![
            start(Kind::WasmtimeServe, &[])?,
            start(Kind::WasmtimeServeTuned, &TUNED_POOL)?,
        ])
    }

    /// The file of the component that does next to nothing.
    pub(crate) fn hello(&self) -> PathBuf {
        self.workspace.root.join("tests/fixtures/hello.wasm")
    }

    /// `berth components push FILE`, to the running host.
    pub(crate) fn push(&self, file: &std::path::Path) -> Command {
        let mut command = Command::new(self.workspace.program("release", "berth"));
        command
            .args(["components", "push", "--json", "--component", HELLO, "--admin"])
            .arg(format!("http://{}", self.admin))
            .arg(file)
            .env("ADMIN_TOKEN", ADMIN_TOKEN);
        command
    }

    fn manifest(&self) -> PathBuf {
        self.folder.join("berth.toml")
    }

    fn manifest_text(&self) -> Result<String> {
        let own = fs::read_to_string(self.workspace.root.join("berth.toml")).context("no berth.toml")?;
        // Paths are relative to the manifest, which is in another folder here.
        let root = self.workspace.root.display();
        let own = ["source", "directory"].iter().fold(own, |own, key| {
            own.replace(
                &format!("{key} = \"components/"),
                &format!("{key} = \"{root}/components/"),
            )
        });
        let hello = self.hello();
        Ok(format!(
            "{own}\n[components.{HELLO}]\nsource = {:?}\nroutes = [\"/hello\"]\nauthentication = \"optional\"\n",
            hello.display().to_string()
        ))
    }
}
