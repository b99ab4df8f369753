//! Restarts a server that ends by itself, for example because the kernel killed it for its memory. The data and the
//! socket stay the same, so pools reconnect by themselves.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{PrivateError, PrivatePostgres, orphan, run};

/// How often in a row the server may end, or fail to start, before the host gives up.
const MAX_FAILURES: u32 = 6;

/// After a server has run for this long, earlier failures no longer count.
const STABLE_TIME: Duration = Duration::from_mins(1);

/// The pause after the second failure in a row, doubled by each further failure. There is no pause after the
/// first.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl PrivatePostgres {
    /// Restarts the server whenever it has ended by itself.
    ///
    /// Returns an error when the server has failed too often in a row. Never returns otherwise. The future may be
    /// dropped at any time.
    pub async fn supervise(&mut self) -> PrivateError {
        let mut failures = 0;
        let mut running = Some(Instant::now());
        loop {
            let reason = match running {
                Some(since) => {
                    let status = self.server.exited().await;
                    if since.elapsed() > STABLE_TIME {
                        failures = 0;
                    }
                    status.map_or_else(|| "unknown exit status".to_owned(), |status| status.to_string())
                }
                None => match self.start_again().await {
                    Ok(()) => {
                        tracing::warn!("the private PostgreSQL runs again");
                        running = Some(Instant::now());
                        continue;
                    }
                    Err(error) => error.to_string(),
                },
            };
            running = None;
            failures += 1;
            if failures == MAX_FAILURES {
                return PrivateError::Lost {
                    failures,
                    last: reason,
                };
            }
            tracing::error!(
                reason,
                failures,
                "the private PostgreSQL has ended by itself: starting it again"
            );
            sleep(pause(failures)).await;
        }
    }

    async fn start_again(&mut self) -> Result<(), PrivateError> {
        let stale = orphan::wait_for_end(&self.home.data()).await?;
        // Missing data are not created anew, because an empty database would look valid.
        self.server = run(
            &self.binaries,
            &self.home,
            self.account.as_ref(),
            &self.settings,
            stale,
        )
        .await?;
        Ok(())
    }
}

/// The pause before the next start.
fn pause(failures: u32) -> Duration {
    if failures < 2 {
        Duration::ZERO
    } else {
        FIRST_PAUSE * 2_u32.saturating_pow(failures - 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_server_is_given_up() {
        let pauses: Vec<_> = (1..MAX_FAILURES)
            .map(|failures| pause(failures).as_millis())
            .collect();
        assert_eq!(pauses, [0, 250, 500, 1000, 2000]);
    }
}
