use http_body_util::{BodyExt as _, Empty};
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;
use crate::run::meter::Metered;

/// Runs a guest that sends its head and then does `work`. Returns whether it still runs when its head is sent.
async fn goes_on<F>(work: impl FnOnce(Arc<CpuMeter>) -> F) -> Result<bool, HandleError>
where
    F: Future<Output = Result<(), HandleError>> + Send + 'static,
{
    let meter = CpuMeter::new(Arc::default());
    let (sender, head) = oneshot::channel();
    let work = work(Arc::clone(&meter));
    let guest = async move {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        drop(sender.send(Ok(Response::new(body))));
        work.await
    };
    let guest: Running<()> = Box::pin(Metered::new(Arc::clone(&meter), guest));
    let (_, guest) = wait_for_head(head, guest, &meter, &RequestContext::for_tests("tested", None)).await?;
    Ok(guest.is_some())
}

/// Simulates an interrupted guest, which continues at the next poll.
async fn interrupted(meter: &CpuMeter) {
    meter.interrupt();
    yield_now().await;
}

#[tokio::test]
async fn a_guest_that_is_interrupted_after_its_head_and_fails_has_sent_nothing() {
    let failed = goes_on(|meter| async move {
        interrupted(&meter).await;
        interrupted(&meter).await;
        Err(HandleError::TimedOut)
    });
    assert_eq!(failed.await, Err(HandleError::TimedOut));
    let ended = goes_on(|meter| async move {
        interrupted(&meter).await;
        Ok(())
    });
    assert_eq!(ended.await, Ok(false));
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_guest_that_waits_is_sent() {
    let waits = |_| async {
        sleep(Duration::from_hours(1)).await;
        Err(HandleError::Failed)
    };
    assert_eq!(goes_on(waits).await, Ok(true));
}

#[tokio::test]
async fn the_head_of_a_guest_that_computes_for_long_is_sent() {
    let computes = |meter: Arc<CpuMeter>| async move {
        loop {
            let before = meter.spent();
            while meter.spent() < before + Duration::from_millis(5) {}
            interrupted(&meter).await;
        }
    };
    assert_eq!(goes_on(computes).await, Ok(true));
}

#[tokio::test]
async fn a_guest_that_drops_its_sender_of_the_head_may_wait_before_it_ends() {
    for ended in [Ok(()), Err(HandleError::TimedOut)] {
        let (sender, head) = oneshot::channel();
        let guest: Running<()> = Box::pin(async move {
            drop(sender);
            for _ in 0..3 {
                yield_now().await;
            }
            ended
        });
        let response = wait_for_head(
            head,
            guest,
            &CpuMeter::new(Arc::default()),
            &RequestContext::for_tests("tested", None),
        )
        .await;
        assert_eq!(response.err(), ended.err().or(Some(HandleError::Failed)));
    }
}

#[tokio::test]
async fn a_guest_that_has_used_up_the_tasks_budget_of_polls_has_sent_its_head_all_the_same() {
    let ended = goes_on(|_| async move {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        drop((0..1000).map(|number| sender.send(number)).collect::<Vec<_>>());
        // Without the budget, the channel seems to be empty.
        while receiver.recv().now_or_never().is_some() {}
        Ok(())
    });
    let task = tokio::spawn(ended);
    assert_eq!(task.await.ok(), Some(Ok(false)));
}
