//! One request in a fresh instance, without a socket: an empty one, one in which a second component is called, and ones
//! in which rows cross into the guest. The rows come from a private PostgreSQL; `rows/none` is the cost of the statement without
//! rows.

mod support;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use berth_database::{Backends, Pool, PoolSettings, SessionPool, host_tables};
use berth_private_postgres::{PrivatePostgres, PrivateSettings, Search};
use berth_runtime::{
    Candidate, Capability, Compiler, ComponentSpec, Deployment, Registry, RequestDetails, Resources,
    Uncompiled, Version, digest,
};
use bytes::Bytes;
use criterion::Criterion;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use tokio::runtime::Runtime;

/// One value of each type that is told apart.
const TYPES: [(&str, &str); 5] = [
    ("int8", "n"),
    ("text", "'some twenty characters'"),
    ("timestamptz", "now()"),
    ("text[]", "'{one,two}'::text[]"),
    ("numeric", "n * 1.25"),
];

/// Rows of one value.
const COUNTS: [u32; 3] = [1, 20, 500];

fn main() -> anyhow::Result<()> {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = Runtime::new()?;
    let folder = tempfile::tempdir()?;
    let compiler = support::compiler(&folder.path().join("cache"))?;

    let registry = Arc::new(Registry::default());
    let hello = runtime.block_on(load(&compiler, spec("hello", &[]), None))?;
    // A request that fails would be quick too: each is asked once before it is measured.
    runtime.block_on(ask(&hello, "/hello", &registry))?;
    criterion.bench_function("a fresh instance and an empty request", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| ask(&hello, "/hello", &registry));
    });
    a_call(&mut criterion, &runtime, &compiler)?;

    let settings = PrivateSettings {
        data_directory: folder.path().join("data"),
        binaries: Search::default(),
        durable: false,
        max_connections: 20,
    };
    let server = runtime.block_on(PrivatePostgres::start(&settings))?;
    let pool = runtime.block_on(pool(&server))?;
    let sql = runtime.block_on(load(&compiler, spec("sql", &[Capability::Postgres]), Some(pool)))?;
    rows(&mut criterion, &runtime, &sql, &registry)?;
    runtime.block_on(server.stop());
    criterion.final_summary();
    Ok(())
}

/// The same request, with a call to another component: a second fresh instance, and two strings that cross.
fn a_call(criterion: &mut Criterion, runtime: &Runtime, compiler: &Compiler) -> anyhow::Result<()> {
    let mut asking = spec("asks", &[]);
    asking
        .imports
        .insert("fixtures:greeting/greeting".to_owned(), "greets".to_owned());
    let asks = runtime.block_on(load(compiler, asking, None))?;
    let greets = runtime.block_on(load(compiler, spec("greets", &[]), None))?;
    let registry = Arc::new(Registry::new(Deployment::new([Arc::clone(&asks), greets])?));
    runtime.block_on(ask(&asks, "/", &registry))?;
    criterion.bench_function("and a call to another component", |bencher| {
        bencher.to_async(runtime).iter(|| ask(&asks, "/", &registry));
    });
    Ok(())
}

/// Rows as typed values, which the guest counts, and as JSON, which it passes on.
fn rows(
    criterion: &mut Criterion,
    runtime: &Runtime,
    sql: &Arc<Version>,
    registry: &Arc<Registry>,
) -> anyhow::Result<()> {
    let mut group = criterion.benchmark_group("rows");
    let mut bench = |name: &str, path: &str| -> anyhow::Result<()> {
        runtime.block_on(ask(sql, path, registry))?;
        group.bench_function(name, |bencher| {
            bencher.to_async(runtime).iter(|| ask(sql, path, registry));
        });
        Ok(())
    };
    bench("none", "/count?sql=SELECT+1+WHERE+false")?;
    for count in COUNTS {
        for (name, value) in TYPES {
            let statement = format!("SELECT {value} AS value FROM generate_series(1, {count}) AS n");
            let query = percent_encoded(&statement);
            bench(&format!("{count} {name}, typed"), &format!("/count?sql={query}"))?;
            bench(&format!("{count} {name}, as JSON"), &format!("/json?sql={query}"))?;
        }
    }
    group.finish();
    Ok(())
}

/// Percent-encodes characters that a query cannot contain.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .fold(String::new(), |encoded, byte| encoded + &format!("%{byte:02x}"))
}

/// Makes a version of the fixture that `spec` names.
async fn load(
    compiler: &Compiler,
    spec: ComponentSpec,
    database: Option<SessionPool>,
) -> anyhow::Result<Arc<Version>> {
    let bytes = support::component(&format!("tests/fixtures/{}.wasm", spec.name))?;
    let machine_code = compiler
        .compile(&Uncompiled::read(bytes.clone())?, &digest(&bytes))
        .await?;
    let candidate = Candidate::link(&machine_code, Arc::new(spec))?;
    let resources = Resources::new(candidate.spec(), database, None, None, None);
    Ok(Arc::new(candidate.version(NonZeroU32::new(1), resources)))
}

async fn ask(version: &Arc<Version>, path: &str, registry: &Arc<Registry>) -> anyhow::Result<Bytes> {
    let request = Request::get(format!("http://localhost{path}")).body(Empty::<Bytes>::new())?;
    let answer = version
        .handle(request, RequestDetails::default(), registry)
        .await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{path} is {status}: {body:?}");
    Ok(body)
}

async fn pool(server: &PrivatePostgres) -> anyhow::Result<SessionPool> {
    host_tables::prepare(&server.options()).await?;
    let settings = PoolSettings {
        max_connections: 4,
        queue_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(10),
        search_path: None,
        claims: None,
    };
    let host = Pool::new(server.options(), settings.clone());
    Ok(SessionPool::new(
        server.options(),
        settings,
        Backends::new(host),
        None,
    ))
}

/// The specification of a component with these grants only.
fn spec(name: &str, capabilities: &[Capability]) -> ComponentSpec {
    ComponentSpec {
        capabilities: capabilities.iter().copied().collect(),
        ..ComponentSpec::new(name)
    }
}
