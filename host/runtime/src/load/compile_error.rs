//! Why a component does not become machine code.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::limits::MIB;

/// The largest component that is compiled, in bytes.
pub(crate) const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The file is larger than a component may be.
    #[error("it is {0} bytes large, more than the {MAX_BYTES} that the host compiles")]
    TooLarge(usize),
    /// The file is machine code, which cannot be verified against its wasm.
    #[error("it is machine code precompiled by wasmtime; give the component's wasm, the host compiles it")]
    Precompiled,
    /// A core module.
    #[error(
        "it is a core WebAssembly module, not a component; build it for wasm32-wasip2, or wrap it by \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// A native program, which a build without a target produces.
    #[error("it is a program for a machine, not WebAssembly; build it with `--target wasm32-wasip2`")]
    Program,
    /// The file is not WebAssembly.
    #[error("it is not WebAssembly")]
    NotWebAssembly,
    /// The component needs WASI 0.3, which requires another engine.
    #[error(
        "it uses `{0}` of WASI 0.3, which this version of Berth does not run yet; export \
         `wasi:http/incoming-handler@0.2` instead"
    )]
    NeedsWasi03(String),
    /// The component exceeds a limit of the host.
    #[error(
        "it has {found} {kind}, and the host compiles no more than {most}; split it into several components, or leave out \
         what it does not use"
    )]
    TooMuch {
        /// The counted kind.
        kind: Counted,
        /// The number found.
        found: u64,
        /// The limit.
        most: u64,
    },
    /// The component is malformed, or wasmtime refused it.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// The compilation timed out.
    #[error(
        "it takes more than {} seconds to compile; split it into several components, or leave out what it does not use",
        .0.as_secs()
    )]
    TooSlow(Duration),
    /// The compilation exceeded its memory limit.
    #[error(
        "it takes more than {} MiB of memory to compile; set BERTH_COMPILE_MEMORY to more, if there is more, or compile it \
         ahead into BERTH_CODE_CACHE by `berth check` on a larger machine",
        .0 / MIB
    )]
    TooMuchMemory(u64),
    /// Another process killed the compiling process.
    #[error(
        "the process that compiled it was killed, by the system if memory ran out; push it again, and give the host more \
         memory than {} MiB for compiling (BERTH_COMPILE_MEMORY) if that happens again",
        .0 / MIB
    )]
    Killed(u64),
    /// The compiling process failed in any other way, which is a bug of the compiler.
    #[error("the process that compiled it failed ({status}): {reason}")]
    Crashed {
        /// The exit status.
        status: ExitStatus,
        /// The output of the process.
        reason: String,
    },
    /// The compiling process could not be started, or waited for.
    #[error("the process that compiles cannot be run: {0}")]
    Process(io::Error),
    /// The cache cannot be used.
    #[error("the code cache `{}` cannot be used: {error}", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// The operating system's error.
        error: io::Error,
    },
}

/// The counted kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Functions with code.
    Functions,
    /// Bytes of the largest function's code.
    FunctionBytes,
    /// Types of core modules and of components.
    Types,
    /// Core modules and inner components.
    Modules,
    /// Imports, exports, aliases, instances, adapted functions, globals, tables, memories and segments.
    Definitions,
    /// Components within components.
    Depth,
}

impl Counted {
    fn says(self) -> &'static str {
        match self {
            Self::Functions => "functions",
            Self::FunctionBytes => "bytes of code in one function",
            Self::Types => "types",
            Self::Modules => "modules and inner components",
            Self::Definitions => "imports, exports and other definitions",
            Self::Depth => "components within one another",
        }
    }
}

impl std::fmt::Display for Counted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.says())
    }
}
