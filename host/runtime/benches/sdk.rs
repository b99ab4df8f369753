//! The cost of the SDK: one component with plain bindings and with `berth-sdk`, the same request to each in turn, without a
//! socket. The sizes of both are printed.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;

use anyhow::ensure;
use berth_runtime::{
    Candidate, Capability, Compiler, ComponentSpec, Registry, RequestDetails, Resources, Uncompiled, Version,
    digest,
};
use bytes::Bytes;
use criterion::Criterion;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;

const COMPONENTS: [&str; 2] = ["cost-plain", "cost-sdk"];

/// The most that the SDK may add to a component.
const MAX_ADDED_BYTES: usize = 60 * 1000;

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let compiler = support::compiler(&folder.path().join("cache"))?;
    let registry = Arc::new(Registry::default());

    let mut sizes = Vec::new();
    let mut group = criterion.benchmark_group("sdk");
    for name in COMPONENTS {
        let (version, size) = runtime.block_on(load(&compiler, name))?;
        sizes.push(size);
        runtime.block_on(ask(&version, &registry))?;
        group.bench_function(name, |bencher| {
            bencher.to_async(&runtime).iter(|| ask(&version, &registry));
        });
    }
    group.finish();
    let added = sizes[1].saturating_sub(sizes[0]);
    println!(
        "plain bindings: {} bytes, SDK: {} bytes, {added} more",
        sizes[0], sizes[1]
    );
    ensure!(
        added < MAX_ADDED_BYTES,
        "the SDK adds more than {MAX_ADDED_BYTES} bytes"
    );
    criterion.final_summary();
    Ok(())
}

/// Makes a version of a fixture; returns the length of its bytes too.
async fn load(compiler: &Compiler, name: &str) -> anyhow::Result<(Arc<Version>, usize)> {
    let bytes = support::component(&format!("tests/fixtures/{name}.wasm"))?;
    let size = bytes.len();
    let machine_code = compiler
        .compile(&Uncompiled::read(bytes.clone())?, &digest(&bytes))
        .await?;
    let candidate = Candidate::link(&machine_code, spec(name).into())?;
    let resources = Resources::new(candidate.spec(), None, None, None, None);
    Ok((Arc::new(candidate.version(NonZeroU32::new(1), resources)), size))
}

async fn ask(version: &Arc<Version>, registry: &Arc<Registry>) -> anyhow::Result<()> {
    let body = Full::new(Bytes::from_static(br#"{"one":1,"other":2}"#));
    let request = Request::post("http://localhost/cost/sum")
        .header("content-type", "application/json")
        .body(body)?;
    let answer = version
        .handle(request, RequestDetails::default(), registry)
        .await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{status}: {body:?}");
    Ok(())
}

fn spec(name: &str) -> ComponentSpec {
    ComponentSpec {
        capabilities: [Capability::Identity, Capability::Logging].into_iter().collect(),
        ..ComponentSpec::new(name)
    }
}
