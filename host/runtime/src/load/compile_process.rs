//! Compilation in a separate process: how the host starts the process, and the code that runs in it.
//!
//! The process ends with the compilation, which frees its memory. The kernel kills it first when memory runs out, and
//! schedules it after everything else. The process has neither the host's environment, with its secrets, nor the host's
//! files and sockets, and can open none.
//!
//! The process does not make hostile input harmless. Its output is machine code that the host loads, so input that
//! takes over the compiler takes over the host: only people whom the operator trusts may push.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, process, thread};

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, Command};

use super::compile_error::CompileError;
use super::wasm::map;
use crate::engine::Engine;
use crate::source_lines;

/// The argument that makes the host's program compile. The component's file and the memory limit in bytes follow.
pub const COMPILE_ARGUMENT: &str = "compile-component";

/// Timeout of a compilation, even if requests leave it little processor time.
const MAX_TIME: Duration = Duration::from_mins(10);

/// Limit of a compilation's processor time.
const MAX_CPU: Duration = Duration::from_mins(2);

/// Niceness of the process, relative to the host. Requests have priority, and compiling gets a tenth of the processor
/// under full load. The lowest priority would leave a seventieth, and [`MAX_TIME`] would not suffice.
const NICENESS: i32 = 10;

/// The largest file that the process may write, in bytes.
const MAX_CODE_BYTES: u64 = 512 * 1024 * 1024;

/// How much of the process's error output is read, in bytes. The output can contain names of the component.
const MAX_REASON_BYTES: u64 = 4 * 1024;

/// Interval between checks of the process's memory.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// Ratio of the limits on address space and memory. An allocator reserves addresses that it never uses.
const ADDRESS_SPACE_FACTOR: u64 = 3;

/// Exit code if the component is not valid.
const EXIT_INVALID: u8 = 3;

/// Exit code if the process exceeds its memory limit.
const EXIT_OUT_OF_MEMORY: u8 = 4;

/// The message of Rust's allocator on standard error when it gets no more memory.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// How the host starts the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerProcess {
    /// A program that calls [`compile_file`] if its first argument is [`COMPILE_ARGUMENT`]: the host's own.
    pub program: PathBuf,
    /// The memory limit, in bytes.
    pub memory: u64,
}

impl CompilerProcess {
    /// Compiles the file `wasm` into `output`. Dropping the future kills the process.
    pub(crate) async fn compile(&self, wasm: &Path, output: File) -> Result<(), CompileError> {
        let mut process = Command::new(&self.program)
            .arg(COMPILE_ARGUMENT)
            .arg(wasm)
            .arg(self.memory.to_string())
            .env_clear()
            // mimalloc returns unused memory at once, and does not commit memory in advance.
            .envs([
                ("MIMALLOC_ARENA_EAGER_COMMIT", "0"),
                ("MIMALLOC_PURGE_DELAY", "0"),
            ])
            .current_dir("/")
            // Ctrl-C is for the host, which lets the swap finish or ends the process itself.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(CompileError::Process)?;
        // The pipe stays open until the end of this function, because the process ends when the pipe is closed.
        let (_input, said) = (process.stdin.take(), process.stderr.take());
        let work = async { tokio::join!(reason(said), process.wait()) };
        let (reason, status) = tokio::time::timeout(MAX_TIME, work)
            .await
            .map_err(|_| CompileError::TooSlow(MAX_TIME))?;
        self.explain(status.map_err(CompileError::Process)?, reason)
    }

    fn explain(&self, status: ExitStatus, reason: String) -> Result<(), CompileError> {
        use rustix::process::Signal;
        use std::os::unix::process::ExitStatusExt as _;

        let signal = status.signal();
        let is = |wanted: Signal| signal == Some(wanted.as_raw());
        if status.success() {
            Ok(())
        } else if status.code() == Some(EXIT_INVALID.into()) {
            Err(CompileError::Invalid(reason))
        } else if is(Signal::XCPU) {
            Err(CompileError::TooSlow(MAX_CPU))
        } else if status.code() == Some(EXIT_OUT_OF_MEMORY.into()) || reason.contains(OUT_OF_MEMORY) {
            Err(CompileError::TooMuchMemory(self.memory))
        } else if is(Signal::KILL) {
            Err(CompileError::Killed(self.memory))
        } else {
            Err(CompileError::Crashed { status, reason })
        }
    }
}

/// The beginning of the error output. All output is read, so that the process never blocks on writing.
async fn reason(said: Option<ChildStderr>) -> String {
    let Some(mut said) = said else {
        return String::new();
    };
    let mut text = Vec::new();
    let _ = (&mut said).take(MAX_REASON_BYTES).read_to_end(&mut text).await;
    let _ = tokio::io::copy(&mut said, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// Compiles the component in the file `wasm` to standard output, within `memory` bytes, and writes any error to
/// standard error. The process ends when standard input is closed. Returns the exit code.
#[must_use]
pub fn compile_file(wasm: &Path, memory: u64) -> u8 {
    match compile(wasm, memory) {
        Ok(()) => 0,
        Err(Failure::Invalid(error)) => {
            eprintln!("{error:#}");
            EXIT_INVALID
        }
        Err(Failure::Io(error)) => {
            eprintln!("{error}");
            1
        }
    }
}

/// Why there is no machine code.
pub(crate) enum Failure {
    /// The component is not valid.
    Invalid(wasmtime::Error),
    /// The component cannot be read, or the code cannot be written.
    Io(io::Error),
}

fn compile(wasm: &Path, memory: u64) -> Result<(), Failure> {
    watch_memory(memory).map_err(Failure::Io)?;
    let wasm = map(wasm).map_err(Failure::Io)?;
    bound(memory).map_err(Failure::Io)?;
    end_with_the_host().map_err(Failure::Io)?;
    compile_into(&wasm, &mut io::stdout())
}

/// Compiles a component, and writes its machine code and its source lines.
pub(crate) fn compile_into(component: &[u8], output: &mut impl io::Write) -> Result<(), Failure> {
    let has_lines = source_lines::has_lines(component);
    let engine = Engine::for_compiling(has_lines).map_err(Failure::Invalid)?;
    let code = engine.precompile_component(component).map_err(Failure::Invalid)?;
    output.write_all(&code).map_err(Failure::Io)?;
    if has_lines {
        let code_bytes = code.len() as u64;
        drop(code);
        let mut output = BufWriter::new(output);
        source_lines::append(component, code_bytes, &mut output).map_err(Failure::Io)?;
        output.flush().map_err(Failure::Io)?;
    }
    Ok(())
}

/// Limits the resources of this process.
fn bound(memory: u64) -> io::Result<()> {
    // Only Linux has this file. A process may always set a higher value than its parent's.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    nice(NICENESS)?;
    let to = |most| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    setrlimit(Resource::Data, to(memory.saturating_mul(ADDRESS_SPACE_FACTOR)))?;
    setrlimit(Resource::Fsize, to(MAX_CODE_BYTES))?;
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(MAX_CPU.as_secs()),
            maximum: None,
        },
    )?;
    setrlimit(Resource::Core, to(0))?;
    // From here on, the process can open neither files nor sockets, even after it closes some.
    setrlimit(Resource::Nofile, to(0))?;
    Ok(())
}

/// Ends this process when its own memory exceeds `most` bytes. On systems other than Linux, only the limit on address
/// space applies.
fn watch_memory(most: u64) -> io::Result<()> {
    let Ok(mut status) = File::open("/proc/self/status") else {
        return Ok(());
    };
    thread::Builder::new()
        .name("memory-watch".to_owned())
        .spawn(move || {
            let mut text = String::new();
            loop {
                text.clear();
                let read = status.rewind().and_then(|()| status.read_to_string(&mut text));
                if read.is_ok() && own_memory(&text).is_some_and(|own| own > most) {
                    process::exit(EXIT_OUT_OF_MEMORY.into());
                }
                thread::sleep(MEMORY_INTERVAL);
            }
        })?;
    Ok(())
}

/// The bytes of memory that belong to a process alone, from its `/proc/…/status`.
fn own_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Ends this process when the other end of standard input is closed, because the host has ended.
fn end_with_the_host() -> io::Result<()> {
    thread::Builder::new().name("host-watch".to_owned()).spawn(|| {
        let _ = io::stdin().read(&mut [0]);
        process::exit(1)
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_memory_is_what_no_other_process_shares() {
        let status = "VmRSS:\t   9000 kB\nRssAnon:\t    1024 kB\nRssFile:\t    7976 kB\n";
        assert_eq!(own_memory(status), Some(1024 * 1024));
        assert_eq!(own_memory("Name:\tberth\n"), None);
        assert_eq!(own_memory("RssAnon:\t18446744073709551615 kB\n"), None);
    }
}
