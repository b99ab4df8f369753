//! Logs a guest's standard output and error, because a sandbox has no terminal and a Python traceback must not be
//! lost.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::request::RequestContext;

/// The longest part of an unfinished line that is kept, in bytes.
const MAX_PENDING: usize = 8 * 1024;

/// The longest single write of a guest, in bytes.
const MAX_WRITE: usize = 64 * 1024;

/// Standard output or standard error of one instance.
#[derive(Clone)]
pub(crate) struct LogStream {
    name: &'static str,
    level: Level,
    request: Arc<RequestContext>,
    /// The unfinished line, which all handles of the guest on the stream share.
    pending: Arc<Mutex<Pending>>,
}

#[derive(Default)]
struct Pending(Vec<u8>);

impl LogStream {
    pub(crate) fn stdout(request: Arc<RequestContext>) -> Self {
        Self {
            name: "stdout",
            level: Level::INFO,
            request,
            pending: Arc::default(),
        }
    }

    pub(crate) fn stderr(request: Arc<RequestContext>) -> Self {
        Self {
            name: "stderr",
            level: Level::WARN,
            request,
            pending: Arc::default(),
        }
    }

    fn append(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            pending.0.extend_from_slice(piece);
            if piece.ends_with(b"\n") || pending.0.len() >= MAX_PENDING {
                self.write_line(&mut pending);
            }
        }
    }

    fn write_line(&self, pending: &mut Pending) {
        let line = mem::take(&mut pending.0);
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\r', '\n']);
        // Rust's advice after a panic. A component has no such variable, and the host logs a backtrace itself.
        if !text.is_empty() && !text.starts_with("note: run with `RUST_BACKTRACE=1`") {
            self.request.component_line(self.level, self.name, text);
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    /// Writes synchronously: the default's worker task would lose output that a guest writes just before a trap.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.append(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        // The last handle logs the guest's unfinished line.
        if Arc::strong_count(&self.pending) == 1 {
            let pending = Arc::clone(&self.pending);
            self.write_line(&mut pending.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}
