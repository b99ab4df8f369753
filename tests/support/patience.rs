//! Waits until a condition holds, also on a busy machine.

use std::time::Duration;

use super::process::WAIT_TIMEOUT;

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `look` until it returns `expected`. After [`WAIT_TIMEOUT`], fails with the last result.
#[track_caller]
pub(crate) fn eventually<T: std::fmt::Debug + PartialEq>(
    expected: T,
    look: impl AsyncFn() -> T,
) -> impl Future<Output = ()> {
    let place = std::panic::Location::caller();
    async move {
        let began = std::time::Instant::now();
        loop {
            let found = look().await;
            if found == expected {
                return;
            }
            assert!(
                began.elapsed() < WAIT_TIMEOUT,
                "{place}: {found:?} never became {expected:?}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }
}
