//! Repeats a call: twice at most, after a pause that doubles or that Cohere asks for, and never beyond the deadline of the call.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::failure::{Failure, Repeat};
use crate::settings::Backoff;

/// Repetitions of a call.
const REPETITIONS: u32 = 2;

/// Makes attempts until one succeeds, or is not worth another, or the next would come too late.
pub(crate) async fn retry<T, F>(
    backoff: Backoff,
    deadline: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let mut repetition = 0;
    loop {
        let failure = match attempt().await {
            Ok(result) => return Ok(result),
            Err(failure) => failure,
        };
        let pause = backoff.pause(repetition, failure.repeat);
        let Some(pause) = pause.filter(|pause| Instant::now() + *pause < deadline) else {
            return Err(failure);
        };
        tracing::debug!(
            error = failure.detail,
            pause_ms = pause.as_millis(),
            "a call to Cohere is repeated"
        );
        sleep(pause).await;
        repetition += 1;
    }
}

impl Backoff {
    /// The pause before repetition number `repetition`, which counts from 0; none if there is to be no more.
    fn pause(self, repetition: u32, repeat: Repeat) -> Option<Duration> {
        if repetition >= REPETITIONS {
            return None;
        }
        match repeat {
            Repeat::No => None,
            Repeat::Yes => Some((self.first * 2_u32.pow(repetition)).mul_f64(1.0 + chance() / 4.0)),
            Repeat::After(pause) => Some(pause).filter(|pause| *pause <= self.longest),
        }
    }
}

/// From 0 to 1. A system without randomness does without the jitter.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;
    use crate::error::Error;

    /// Attempts that all fail like this: how many there were, and how long it took on tokio's own clock.
    async fn attempts(repeat: Repeat, time: Duration) -> (u32, Duration) {
        let started = Instant::now();
        let mut count = 0;
        let result = retry(Backoff::default(), started + time, || {
            count += 1;
            std::future::ready(Err::<(), _>(Failure {
                repeat,
                ..Failure::new(Error::Unavailable, "")
            }))
        });
        assert_eq!(result.await.unwrap_err().error, Error::Unavailable);
        (count, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_repeated_twice_and_the_pause_doubles() {
        let (count, time) = attempts(Repeat::Yes, Duration::from_mins(1)).await;
        assert_eq!(count, 3);
        assert!(
            (3.0..3.76).contains(&time.as_secs_f64()),
            "1 + 2 seconds and up to a quarter: {time:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_cohere_asks_for_is_kept() {
        let pause = Repeat::After(Duration::from_secs(7));
        let (count, time) = attempts(pause, Duration::from_mins(1)).await;
        assert_eq!((count, time.as_secs()), (3, 14));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_what_would_come_too_late() {
        for (repeat, seconds) in [
            (Repeat::No, 60),
            (Repeat::Yes, 1),
            (Repeat::After(Duration::from_secs(11)), 60),
        ] {
            let (count, time) = attempts(repeat, Duration::from_secs(seconds)).await;
            assert_eq!((count, time), (1, Duration::ZERO), "{repeat:?}");
        }
        let (count, time) = attempts(Repeat::After(Duration::from_secs(6)), Duration::from_secs(10)).await;
        assert_eq!(
            (count, time.as_secs()),
            (2, 6),
            "there is time for one pause of the two"
        );
    }

    #[tokio::test]
    async fn the_first_success_counts() {
        let mut failures = vec![Failure {
            repeat: Repeat::After(Duration::ZERO),
            ..Failure::new(Error::Busy, "")
        }];
        let deadline = Instant::now() + Duration::from_mins(1);
        let result = retry(Backoff::default(), deadline, || {
            std::future::ready(failures.pop().map_or(Ok(1), Err))
        });
        assert_eq!(result.await.unwrap(), 1);
    }
}
