//! The configuration of wasmtime, in one function, and the clock of its time limits.

use std::thread;

use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::run::background::Background;
use crate::run::guest_memory::GuestMemory;
use crate::run::meter::{TABLE_ENTRY_BYTES, TICK};

/// Bytes of a linear memory that are reset by copying between requests rather than returned to the kernel: all memory
/// of a small guest. Returning memory makes every thread drop cached address translations, which slows the next
/// requests.
const MEMORY_KEEP_RESIDENT: usize = 256 * 1024;

/// The number of unused slots for linear memories that stay reserved for the component that last used them, before an
/// instance of another component takes them over. Each slot keeps its memory, so the number is limited: the past peaks
/// of all components must not add up.
const UNUSED_WARM_SLOTS: u32 = 32;

/// Core instances per component: a guest often consists of several (its own, and the adapters of its
/// toolchain).
const CORE_INSTANCES_PER_COMPONENT: u32 = 4;

/// Elements of one table, which is the usual limit of WebAssembly's implementations. An unused table takes only
/// address space, and used elements count towards the memory limit of the instance.
const MAX_TABLE_ELEMENTS: usize = 10_000_000;

/// The size of the instance pool.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Maximum number of live instances, over all components.
    pub instances: u32,
    /// Total limit of their linear memories and tables, in bytes.
    pub guest_memory: u64,
}

/// Why wasmtime could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings are not possible on this machine.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Configuration(wasmtime::Error),
    /// The operating system could not create a thread.
    #[error("a thread of the WebAssembly engine does not start: {0}")]
    Thread(#[from] std::io::Error),
}

/// A compiler, a pool of instances, a clock, and background threads for guests with long computations.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    memory: GuestMemory,
    background: Background,
}

impl Engine {
    /// Configures wasmtime and starts the ticker thread, which ends with the last clone of the engine.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&configuration(settings)).map_err(EngineError::Configuration)?;
        start_ticker(&inner)?;
        let background = Background::start()?;
        Ok(Self {
            inner,
            memory: GuestMemory::new(settings.guest_memory),
            background,
        })
    }

    /// An engine that compiles machine code for all other engines of the host. It has room for one instance, which it
    /// never creates, no clock, and no threads besides the compiling one, because the memory of several would add up.
    ///
    /// With an `address_map`, backtraces have offsets within functions. The map takes a sixteenth more memory to
    /// compile.
    pub(crate) fn for_compiling(address_map: bool) -> wasmtime::Result<wasmtime::Engine> {
        let mut configuration = configuration(EngineSettings {
            instances: 1,
            guest_memory: 0,
        });
        wasmtime::Engine::new(
            configuration
                .parallel_compilation(false)
                .generate_address_map(address_map),
        )
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    pub(crate) fn memory(&self) -> &GuestMemory {
        &self.memory
    }

    pub(crate) fn background(&self) -> &Background {
        &self.background
    }
}

fn configuration(settings: EngineSettings) -> Config {
    let core_instances = settings.instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT);
    let most_elements = usize::try_from(settings.guest_memory / TABLE_ENTRY_BYTES).unwrap_or(usize::MAX);
    let table_elements = most_elements.min(MAX_TABLE_ELEMENTS);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(settings.instances)
        .total_core_instances(core_instances)
        .total_memories(settings.instances)
        .total_tables(core_instances)
        .table_elements(table_elements)
        .total_stacks(settings.instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT * 4)
        .max_memories_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT * 4)
        .max_unused_warm_slots(UNUSED_WARM_SLOTS)
        .linear_memory_keep_resident(MEMORY_KEEP_RESIDENT)
        .table_keep_resident(64 * 1024);

    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .memory_init_cow(true)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        // An engine runs machine code with or without an address map: see `for_compiling`.
        .generate_address_map(false)
        // `source_lines` reads DWARF, in the compiling process.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Components of WASI 0.3 need a separate engine; for those of 0.2, this setting is faster and excludes
        // a class of bugs.
        .concurrency_support(false);
    config
}

/// A thread instead of a Tokio task, because looping guests block Tokio's threads.
fn start_ticker(engine: &wasmtime::Engine) -> Result<(), std::io::Error> {
    let engine = engine.weak();
    thread::Builder::new()
        .name("epoch-ticker".to_owned())
        .spawn(move || {
            loop {
                thread::sleep(TICK);
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
    Ok(())
}
