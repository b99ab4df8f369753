//! Calls that are cancelled.

use fake_cohere::{Gate, Reply::Hang, Turn};

use super::*;

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let (cohere, client) = fake([Hang]).await;
    let call = tokio::spawn(async move { client.say_hello().await });
    cohere.arrived(1).await;
    call.abort();
    cohere.departed(1).await;
}

#[tokio::test]
async fn a_stream_that_is_dropped_closes_its_connection() {
    let (cohere, client) = fake([Turn::text("one two").paced(&Gate::default()).into()]).await;
    let mut stream = client.stream_hello().await.unwrap();
    assert_eq!(stream.next().await, Ok(Some(Event::Text("one ".to_owned()))));
    drop(stream);
    cohere.departed(1).await;
}
