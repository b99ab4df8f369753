//! When to stop: SIGTERM or ctrl-C. The first asks for it, the second insists.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logging::Queue;

/// What a shell reports of a process that ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels. The second ends the process on the spot, whatever it is doing, when the lines
/// that wait in `log` are written.
pub fn on_signal(log: Queue) -> io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let asked = CancellationToken::new();
    let stop = asked.clone();
    tokio::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        // First, so that `/ready` says it when the line is there.
        stop.cancel();
        tracing::info!("{name}: finishing the requests in flight; once more to stop at once");
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::warn!("{name} again: stopping at once");
        log.flush();
        process::exit(INTERRUPTED);
    });
    Ok(asked)
}

/// Ends with the first signal: for a command that has nothing to finish. Signals are received also where they were ignored
/// when the process started, as in the background of a script.
pub fn interrupted() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
