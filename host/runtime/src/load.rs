//! The steps from a file to a version that can go live. A failure at any of them changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::capabilities::openapi;
use crate::capabilities::outgoing_http::{Client, ClientError};
use crate::compile::{CompileError, Compiler, digest};
use crate::link::{LinkError, link};
use crate::version::{ComponentSpec, Version};

/// At which step a component was refused, and why.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("the component `{name}` cannot be read from `{}`: {error}", path.display())]
    Read {
        /// The component.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// It does not compile.
    #[error("the component `{name}` was refused when it was compiled: {error}")]
    Compile {
        /// The component.
        name: String,
        /// Why.
        error: CompileError,
    },
    /// It does not link.
    #[error("the component `{name}` was refused when it was linked: {error}")]
    Link {
        /// The component.
        name: String,
        /// Why.
        error: LinkError,
    },
    /// A function that it exports for the host failed.
    #[error("the component `{name}` was refused: `{export}` failed: {reason}")]
    Export {
        /// The component.
        name: String,
        /// The interface and function.
        export: &'static str,
        /// Why.
        reason: String,
    },
    /// Outgoing requests cannot be made on this machine.
    #[error("the component `{name}` may send requests, but the client for them does not start: {error}")]
    Client {
        /// The component.
        name: String,
        /// Why.
        error: ClientError,
    },
}

/// Loads components.
pub struct Loader {
    compiler: Compiler,
}

impl Loader {
    /// A loader that compiles with `compiler`.
    #[must_use]
    pub fn new(compiler: Compiler) -> Self {
        Self { compiler }
    }

    /// Reads, compiles and links the component at `path`, and asks it for its OpenAPI document: everything that can
    /// be known of it without a database.
    pub async fn verify(&self, spec: ComponentSpec, path: &Path) -> Result<Version, LoadError> {
        let name = spec.name.clone();
        let bytes = tokio::fs::read(path).await.map_err(|error| LoadError::Read {
            name: name.clone(),
            path: path.to_owned(),
            error,
        })?;
        let digest = digest(&bytes);
        let compiled = self
            .compiler
            .compile(Arc::from(bytes), &digest)
            .await
            .map_err(|error| LoadError::Compile { name: name.clone(), error })?;
        let pre = link(&compiled, &name, &spec.capabilities)
            .map_err(|error| LoadError::Link { name: name.clone(), error })?;
        let client =
            Client::new(&spec.outgoing).map_err(|error| LoadError::Client { name: name.clone(), error })?;
        let mut version = Version::new(spec, digest[..12].to_owned(), pre, client);
        version.openapi = openapi::get(&version).await.map_err(|reason| LoadError::Export {
            name: name.clone(),
            export: openapi::EXPORT,
            reason,
        })?;
        Ok(version)
    }
}
