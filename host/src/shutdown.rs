//! Signals to stop: the first SIGTERM or ctrl-C drains the host, the second ends it at once.

use std::io;
use std::process;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::logging::Queue;

/// The exit code that shells report for a process that ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// A token that the first signal cancels. The second signal ends the process at once, after the lines that wait in
/// `log` are written.
pub fn on_signal(log: Queue) -> io::Result<CancellationToken> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let asked = CancellationToken::new();
    let stop = asked.clone();
    tokio::spawn(async move {
        let name = either(&mut terminate, &mut interrupt).await;
        // The token is cancelled first, so that `/ready` reports it when the line is logged.
        stop.cancel();
        tracing::info!("{name}: finishing the requests in flight; once more to stop at once");
        let name = either(&mut terminate, &mut interrupt).await;
        tracing::warn!("{name} again: stopping at once");
        log.flush();
        process::exit(INTERRUPTED);
    });
    Ok(asked)
}

/// Completes at the first signal, for a command that has nothing to finish. Signals are received even if they were
/// ignored when the process started, as in the background of a script.
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
