//! When a call is repeated: twice, after a pause that doubles, or that Cohere asks for, and never beyond the time that
//! the call has.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};
use tokio::time::{Instant, sleep};

use crate::failure::Failure;

/// Repetitions of a call.
const REPETITIONS: u32 = 2;

/// The pauses before a call is repeated.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first pause, if Cohere asks for none. Each later one is twice as long; up to a quarter is added to each by
    /// chance, so that hosts which failed together do not come again together.
    pub first: Duration,
    /// Callers are waiting: if Cohere asks for a longer pause, the call fails at once with the length of the
    /// pause.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(10),
        }
    }
}

/// Whether an attempt that failed is worth another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    No,
    /// After a pause of our own choice.
    Yes,
    /// After the pause that Cohere asks for.
    After(Duration),
}

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

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that has passed means: now.
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
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

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let read = |value: &str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value.parse().unwrap())]);
            retry_after(&headers)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        assert_eq!(read("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(read("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        let later = httpdate::fmt_http_date(SystemTime::now() + Duration::from_hours(1));
        assert!(read(&later).is_some_and(|pause| pause > Duration::from_mins(59)));
        for nonsense in ["soon", "-1", "NaN", "1e300", ""] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
