//! wasmtime, configured in one function, and the clock that its time limits run on.

use std::thread;
use std::time::Duration;

use wasmtime::{Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::background::Background;
use crate::guest_memory::GuestMemory;
use crate::meter::TABLE_ENTRY_BYTES;

/// How often the epoch advances: the grain of a component's `cpu` limit, and the longest that a guest can keep a
/// worker thread from its other requests.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Bytes of a linear memory that are restored by copying between requests rather than given back to the kernel: all that
/// a small guest has. What goes back has every thread forget its translations of addresses, which the next requests
/// pay for.
const MEMORY_KEEP_RESIDENT: usize = 256 * 1024;

/// Unused places for a linear memory that wait for another instance of the component that they last had, before an instance
/// of another one takes them over. Each keeps its memory: what a component once needed at a time must not add up to what the
/// others did.
const UNUSED_WARM_SLOTS: u32 = 32;

/// A guest of one component often comes as several core instances (its own, and the adapters of its toolchain).
const CORE_INSTANCES_PER_COMPONENT: u32 = 4;

/// Elements of one table: as many as WebAssembly's implementations allow. A table that is not used takes nothing but
/// addresses, and what one holds counts in its instance's limit of memory.
const MAX_TABLE_ELEMENTS: usize = 10_000_000;

/// How large the pool is.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Instances that may live at the same time, over all components.
    pub instances: u32,
    /// Bytes of linear memories and tables that all of them may have together.
    pub guest_memory: u64,
}

/// Why wasmtime could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings do not fit this machine.
    #[error("the WebAssembly engine does not start: {0:#}")]
    Configuration(wasmtime::Error),
    /// The operating system gave no thread.
    #[error("a thread of the WebAssembly engine does not start: {0}")]
    Thread(#[from] std::io::Error),
}

/// A compiler, a pool of instances, a clock, and threads for guests that compute for long.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    memory: GuestMemory,
    background: Background,
}

impl Engine {
    /// Sets up wasmtime and starts the ticker thread, which ends with the last clone of the engine.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&configuration(settings)).map_err(EngineError::Configuration)?;
        start_ticker(&inner)?;
        let background = Background::start()?;
        Ok(Self { inner, memory: GuestMemory::new(settings.guest_memory), background })
    }

    /// An engine whose machine code every other engine of the host takes. It has room for one instance, which it never
    /// makes, no clock, and no threads beside the one that compiles: their memory would add up.
    ///
    /// With an `address_map`, backtraces know places within functions. It takes memory to compile: a sixteenth more.
    pub(crate) fn for_compiling(address_map: bool) -> wasmtime::Result<wasmtime::Engine> {
        let mut configuration = configuration(EngineSettings { instances: 1, guest_memory: 0 });
        wasmtime::Engine::new(configuration.parallel_compilation(false).generate_address_map(address_map))
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
        // Machine code with and without it is the same to an engine that runs it: see `for_compiling`.
        .generate_address_map(false)
        // `source_lines` reads DWARF, in the process that compiles.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        // Components of WASI 0.3 need an engine of their own; for those of 0.2 this is quicker, and shuts out a
        // class of bugs.
        .concurrency_support(false);
    config
}

/// A thread rather than a tokio task: guests that loop keep tokio's threads busy.
fn start_ticker(engine: &wasmtime::Engine) -> Result<(), std::io::Error> {
    let engine = engine.weak();
    thread::Builder::new().name("epoch-ticker".to_owned()).spawn(move || {
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::compile::compatibility;

    #[test]
    fn what_one_engine_compiles_every_other_takes() {
        let compiling = compatibility(&Engine::for_compiling(false).unwrap());
        for instances in [1, 16, 500] {
            let engine = Engine::new(EngineSettings { instances, guest_memory: u64::MAX }).unwrap();
            assert_eq!(compatibility(engine.wasmtime()), compiling, "{instances}");
        }
    }
}
