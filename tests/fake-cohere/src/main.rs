//! `fake-cohere --port 8002`: a Cohere to chat with, without a key and without the network.

use clap::Parser;
use fake_cohere::FakeCohere;

/// Answers Cohere's v2 chat API by simple rules: add …, list, complete 3, rename 3 …, delete 3
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 lets the system choose
    #[arg(long, default_value_t = 8002)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cohere = FakeCohere::start(Arguments::parse().port).await?;
    println!("{}", cohere.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
