//! Timeouts. A test pauses Tokio's clock when only waiting is left: then Tokio advances the clock at once.

use fake_cohere::{Gate, Refusal, Reply::Hang, Turn};
use tokio::time::{pause, resume};

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The outcomes of calls, plain and streamed, to which Cohere never responds: after a minute, by one of these limits.
async fn unanswered(silence: Duration, total: Duration, deadline: Duration) {
    let (cohere, _) = fake([Hang, Hang]).await;
    let mut settings = settings(&cohere);
    settings.silence_timeout = silence;
    settings.total_timeout = total;
    let client = client(settings);
    let started = Instant::now();

    let chat = client.clone();
    let chat = tokio::spawn(async move { chat.chat(&hello(), caller(), started + deadline).await });
    cohere.arrived(1).await;
    let stream =
        tokio::spawn(async move { client.stream(&hello(), caller(), started + deadline).await.err() });
    cohere.arrived(2).await;
    pause();
    assert_eq!(chat.await.unwrap(), Err(Error::Timeout));
    assert_eq!(stream.await.unwrap(), Some(Error::Timeout));
    assert!(
        (MINUTE..HOUR).contains(&started.elapsed()),
        "{:?}",
        started.elapsed()
    );
    resume();
    cohere.departed(2).await;
}

#[tokio::test]
async fn silence_is_a_timeout() {
    unanswered(MINUTE, HOUR, HOUR).await;
}

#[tokio::test]
async fn a_call_has_a_time_of_its_own() {
    unanswered(HOUR, MINUTE, HOUR).await;
}

#[tokio::test]
async fn the_time_of_a_call_is_also_its_callers() {
    unanswered(HOUR, HOUR, MINUTE).await;
}

#[tokio::test]
async fn silence_within_a_stream_is_a_timeout() {
    let (cohere, client) = fake([Turn::text("one two").paced(&Gate::default()).into()]).await;
    let mut stream = client
        .stream(&hello(), caller(), Instant::now() + HOUR)
        .await
        .unwrap();
    assert_eq!(stream.next().await, Ok(Some(Event::Text("one ".to_owned()))));
    pause();
    assert_eq!(stream.next().await, Err(Error::Timeout));
    resume();
    cohere.departed(1).await;
}

#[tokio::test]
async fn there_is_no_pause_without_time_for_it() {
    let (cohere, client) = fake([Refusal::new(429, "").retry_after("9").into()]).await;
    let deadline = Instant::now() + Duration::from_secs(8);
    let limited = Error::RateLimited(Some(Duration::from_secs(9)));
    assert_eq!(client.chat(&hello(), caller(), deadline).await, Err(limited));
    assert_eq!(cohere.requests().len(), 1);
}
