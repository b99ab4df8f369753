//! What becomes of a server that ends by itself: killed for its memory, say. It is started again, on the same data and behind
//! the same socket, so that pools find it by themselves.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{PrivateError, PrivatePostgres, orphan, run};

/// How often in a row the server may end, or fail to start, before it is given up.
const MAX_FAILURES: u32 = 6;

/// A server that has run for this long has started well: earlier failures are forgotten.
const STABLE_TIME: Duration = Duration::from_mins(1);

/// The pause after the second failure in a row; each further one is twice as long. After the first there is none.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl PrivatePostgres {
    /// Starts the server again whenever it has ended by itself.
    ///
    /// Returns why the server is given up, when it has failed too often in a row. Never returns otherwise. May be dropped at
    /// any time.
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
                return PrivateError::Lost { failures, last: reason };
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
        // Data that are gone are not laid out anew: an empty database would look like a good one.
        self.server = run(&self.binaries, &self.home, self.account.as_ref(), &self.settings, stale).await?;
        Ok(())
    }
}

/// How long to wait before the next start.
fn pause(failures: u32) -> Duration {
    if failures < 2 { Duration::ZERO } else { FIRST_PAUSE * 2_u32.saturating_pow(failures - 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_until_the_server_is_given_up() {
        let pauses: Vec<_> = (1..MAX_FAILURES).map(|failures| pause(failures).as_millis()).collect();
        assert_eq!(pauses, [0, 250, 500, 1000, 2000]);
    }
}
