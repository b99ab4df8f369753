//! `fake-cohere --port 8002`: a Cohere to chat with, without a key and without the network.

use clap::Parser;
use fake_cohere::FakeCohere;

/// Answers Cohere's v2 chat API by simple rules: add …, list, complete 3, rename 3 …, delete 3
#[derive(Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 lets the system choose
    #[arg(long, default_value_t = 8002)]
    port: u16,

    /// End with the process that started this one, as `cargo xtask run --fake-cohere` wants it (Linux)
    #[arg(long)]
    with_parent: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    #[cfg(target_os = "linux")]
    if arguments.with_parent {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
    }
    let cohere = FakeCohere::start(arguments.port).await?;
    println!("{}", cohere.base_url());
    tokio::signal::ctrl_c().await?;
    Ok(())
}
