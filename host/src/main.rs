//! The binary: see the library for what it does.

use std::process::ExitCode;

use berth::cli::Arguments;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Before anything else speaks TLS, since nothing else would choose between implementations. It fails only where one
    // has been installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    arguments.run().await
}
