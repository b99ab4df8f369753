//! `cargo xtask api-check`: tests the API and its document with other projects' tools.
//!
//! - `host`: the host of berth.toml, with the fake Cohere
//! - `tools`: the tools, in the exact versions of `tests/api-clients`

mod host;
mod tools;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use self::host::Host;
use self::tools::Tools;
use crate::account::register;
use crate::command::run_within;
use crate::http;
use crate::workspace::Workspace;

/// The clients' sources, and the versions of the tools.
const CLIENTS: &str = "tests/api-clients";

/// The longest run of one tool.
const BOUND: Duration = Duration::from_mins(3);

/// Starts the host, and runs every tool on its document. The first finding is an error.
pub(crate) fn api_check(workspace: &Workspace) -> Result<()> {
    let folder = workspace.target.join("api-check");
    fs::create_dir_all(&folder)?;
    let clients = workspace.root.join(CLIENTS);
    let tools = Tools::prepare(&clients, &folder)?;
    let host = Host::start(workspace, &folder)?;
    let document = folder.join("openapi.json");
    fs::write(&document, http::get(host.address, "/openapi.json", None)?.body)?;
    let check = Check {
        tools,
        clients,
        folder,
        document,
        url: host.url(),
    };
    check.validators()?;
    check.python()?;
    check.typescript()?;
    check.schemathesis(host.address)?;
    host.ensure_unharmed()?;
    println!("The API's document is valid, its clients work, and schemathesis has found nothing.");
    Ok(())
}

struct Check {
    tools: Tools,
    clients: PathBuf,
    folder: PathBuf,
    document: PathBuf,
    url: String,
}

impl Check {
    fn validators(&self) -> Result<()> {
        run_within(
            self.tools.python("openapi-spec-validator")?.arg(&self.document),
            BOUND,
        )?;
        let mut redocly = self.tools.node("redocly");
        run_within(
            redocly
                .arg("lint")
                .arg(&self.document)
                .args(["--extends", "recommended", "--format", "stylish"]),
            BOUND,
        )
    }

    /// A session by a generated client for Python.
    fn python(&self) -> Result<()> {
        let client = self.folder.join("python-client");
        let mut generate = self.tools.python("openapi-python-client")?;
        generate.args([
            "generate",
            "--meta",
            "none",
            "--overwrite",
            "--fail-on-warning",
            "--path",
        ]);
        generate
            .arg(&self.document)
            .arg("--output-path")
            .arg(client.join("berth_client"));
        fs::create_dir_all(&client)?;
        run_within(
            generate
                .arg("--config")
                .arg(self.clients.join("openapi-python-client.yml")),
            BOUND,
        )?;
        let mut session = Command::new("python3");
        session.env("PYTHONPATH", self.tools.python_path(&client)?);
        run_within(session.arg(self.clients.join("session.py")).arg(&self.url), BOUND)
    }

    /// A session by generated types, compiled with `tsc --strict`.
    fn typescript(&self) -> Result<()> {
        let folder = self.tools.node_folder();
        for file in ["session.ts", "tsconfig.json"] {
            fs::copy(self.clients.join(file), folder.join(file))
                .with_context(|| format!("{CLIENTS}/{file}"))?;
        }
        let mut generate = self.tools.node("openapi-typescript");
        run_within(
            generate
                .arg(&self.document)
                .arg("--output")
                .arg(folder.join("api.d.ts")),
            BOUND,
        )?;
        run_within(self.tools.node("tsc").arg("--project").arg(folder), BOUND)?;
        run_within(
            Command::new("node")
                .arg(folder.join("out/session.js"))
                .arg(&self.url),
            BOUND,
        )
    }

    /// Every operation with examples, limits and random values, with all checks.
    fn schemathesis(&self, host: SocketAddr) -> Result<()> {
        let token = register(host, "schemathesis")?;
        let me: Value = serde_json::from_str(&http::get(host, "/auth/me", Some(&token))?.body)?;
        let mut schemathesis = self.tools.python("schemathesis")?;
        schemathesis
            .arg("--config-file")
            .arg(self.clients.join("schemathesis.toml"));
        schemathesis.arg("run").arg(&self.document).args([
            "--url",
            &self.url,
            "--checks",
            "all",
            "--no-color",
        ]);
        schemathesis.args(["--phases", "examples,coverage,fuzzing"]);
        schemathesis
            .env("API_CHECK_TOKEN", token)
            .env("API_CHECK_USER", me["id"].to_string());
        schemathesis.env("PYTHONPATH", self.tools.python_path(&self.clients)?);
        run_within(schemathesis.current_dir(&self.folder), BOUND)
    }
}
