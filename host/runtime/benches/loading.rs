//! From bytes to a component that can be linked: compiled, and taken from the code cache.

mod support;

use std::fs;

use berth_runtime::{Uncompiled, digest};
use criterion::Criterion;
use tokio::runtime::Runtime;

const TODO: &str = "components/todo.wasm";

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let compiler = support::compiler(&folder.path().join("cache"))?;
    let bytes = support::component(TODO)?;
    let digest = digest(&bytes);
    let uncompiled = Uncompiled::read(bytes)?;

    criterion.bench_function("compile todo", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            // The entry may be missing.
            let _ = fs::remove_dir_all(folder.path().join("cache"));
            compiler.compile(&uncompiled, &digest).await.map(drop)
        });
    });

    runtime.block_on(compiler.compile(&uncompiled, &digest))?;
    criterion.bench_function("load todo from the code cache", |bencher| {
        bencher.to_async(&runtime).iter(|| compiler.recall(&digest));
    });
    criterion.final_summary();
    Ok(())
}
