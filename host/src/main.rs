//! The binary of Berth: see the library.

use std::process::ExitCode;

use berth::cli::Arguments;
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The provider must be installed before TLS is first used, because no other code chooses an implementation. The
    // call fails only if a provider is installed already.
    drop(rustls::crypto::ring::default_provider().install_default());
    arguments.run().await
}
