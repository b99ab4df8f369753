//! Waiting for what takes a moment, however long a busy machine makes that.

use std::time::Duration;

use super::process::WAIT_TIMEOUT;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks again and again until `look` finds what is expected. Fails with what it last found.
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
            assert!(began.elapsed() < WAIT_TIMEOUT, "{place}: {found:?} never became {expected:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }
}
