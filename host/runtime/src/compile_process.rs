//! Compilation in a process of its own, from both sides: how the host starts it, and what it does.
//!
//! The process ends with the compilation, and with it the memory that compiling took. It is the kernel's first choice when
//! memory runs out, it runs after everything else, and it has neither the host's environment, with its secrets, nor any of
//! its files and sockets, and can open none.
//!
//! It does not make hostile input harmless. Its output is machine code that the host loads, so input that takes over the
//! compiler takes over the host: what may be pushed is still for the operator to decide.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use std::{fs, process, thread};

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStderr, Command};

use crate::compile::CompileError;
use crate::engine::Engine;
use crate::source_lines;
use crate::wasm::map;

/// The argument with which the host's own program compiles. The component's file follows, and the memory in bytes.
pub const COMPILE_ARGUMENT: &str = "compile-component";

/// The longest that a compilation may take, also where requests leave it little of the processor.
const MAX_TIME: Duration = Duration::from_mins(10);

/// The most that a compilation may use of the processor.
const MAX_CPU: Duration = Duration::from_mins(2);

/// How much nicer the process is than the host. Requests come first, and a tenth of the processor is left for compiling when
/// they want all of it: with the lowest priority it would be a seventieth, and [`MAX_TIME`] would not be enough.
const NICENESS: i32 = 10;

/// The largest file that the process may write, in bytes.
const MAX_CODE_BYTES: u64 = 512 * 1024 * 1024;

/// The most that is read of what the process says, in bytes. A component's own names are a part of it.
const MAX_REASON_BYTES: u64 = 4 * 1024;

/// How often the process looks how much memory it has.
const MEMORY_INTERVAL: Duration = Duration::from_millis(20);

/// How much more address space than memory the process may have. An allocator reserves what it never touches.
const ADDRESS_SPACE_FACTOR: u64 = 3;

/// What the process ends with when the component is not valid.
const EXIT_INVALID: u8 = 3;

/// What the process ends with when it has more memory than it may have.
const EXIT_OUT_OF_MEMORY: u8 = 4;

/// What is on standard error when Rust's allocator gets no more memory.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// How the host starts the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompilerProcess {
    /// A program that calls [`compile_file`] where its first argument is [`COMPILE_ARGUMENT`]: the host's own.
    pub program: PathBuf,
    /// The memory that it may take, in bytes.
    pub memory: u64,
}

impl CompilerProcess {
    /// Compiles the file `wasm` into `output`. The process is killed when the future is dropped.
    pub(crate) async fn compile(&self, wasm: &Path, output: File) -> Result<(), CompileError> {
        let mut process = Command::new(&self.program)
            .arg(COMPILE_ARGUMENT)
            .arg(wasm)
            .arg(self.memory.to_string())
            .env_clear()
            // What mimalloc does not use goes back at once, and what it may never use is not taken ahead.
            .envs([("MIMALLOC_ARENA_EAGER_COMMIT", "0"), ("MIMALLOC_PURGE_DELAY", "0")])
            .current_dir("/")
            // A ctrl-C is for the host, which lets the swap end or ends the process itself.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(CompileError::Process)?;
        // The pipe stays open until the end of this function: the process ends when it is closed.
        let (_input, said) = (process.stdin.take(), process.stderr.take());
        let work = async { tokio::join!(reason(said), process.wait()) };
        let (reason, status) =
            tokio::time::timeout(MAX_TIME, work).await.map_err(|_| CompileError::TooSlow(MAX_TIME))?;
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

/// The beginning of what the process says, all of which is read, so that it never waits for a reader.
async fn reason(said: Option<ChildStderr>) -> String {
    let Some(mut said) = said else { return String::new() };
    let mut text = Vec::new();
    let _ = (&mut said).take(MAX_REASON_BYTES).read_to_end(&mut text).await;
    let _ = tokio::io::copy(&mut said, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(&text).trim().to_owned()
}

/// What the process does: compiles the component in the file `wasm` into standard output, within `memory` bytes, and says on
/// standard error why it cannot. It ends when standard input is closed. Returns the exit code.
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
    /// It cannot be read, or the code cannot be written.
    Io(io::Error),
}

fn compile(wasm: &Path, memory: u64) -> Result<(), Failure> {
    watch_memory(memory).map_err(Failure::Io)?;
    let wasm = map(wasm).map_err(Failure::Io)?;
    bound(memory).map_err(Failure::Io)?;
    end_with_the_host().map_err(Failure::Io)?;
    compile_into(&wasm, &mut io::stdout())
}

/// Compiles a component, and writes its machine code and the lines of source that it comes from.
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

/// Bounds what this process can take and do.
fn bound(memory: u64) -> io::Result<()> {
    // Only Linux has it. More than the host's own can always be set.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    nice(NICENESS)?;
    let to = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Data, to(memory.saturating_mul(ADDRESS_SPACE_FACTOR)))?;
    setrlimit(Resource::Fsize, to(MAX_CODE_BYTES))?;
    setrlimit(Resource::Cpu, Rlimit { current: Some(MAX_CPU.as_secs()), maximum: None })?;
    setrlimit(Resource::Core, to(0))?;
    // From here on neither a file nor a socket can be opened, whatever is closed.
    setrlimit(Resource::Nofile, to(0))?;
    Ok(())
}

/// Ends this process when it has more than `most` bytes of memory of its own. Elsewhere than on Linux only the bound on its
/// address space holds.
fn watch_memory(most: u64) -> io::Result<()> {
    let Ok(mut status) = File::open("/proc/self/status") else { return Ok(()) };
    thread::Builder::new().name("memory-watch".to_owned()).spawn(move || {
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

/// Bytes of memory that are a process's own, by its `/proc/…/status`.
fn own_memory(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Ends this process as soon as the other end of standard input is closed: the host is gone.
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
