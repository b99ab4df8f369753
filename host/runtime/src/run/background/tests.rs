#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::sync::atomic::AtomicBool;

use futures_util::FutureExt as _;
use tokio::time::sleep;

use super::*;

fn scheduled<F>(component: &ProcessorUse, guest: F) -> Scheduled<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    Scheduled::new(
        Background::start().unwrap(),
        component.clone(),
        CpuMeter::new(Arc::default()),
        guest,
    )
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

/// Occupies the thread, as a guest does between two ticks.
fn compute() {
    let meter = CpuMeter::new(Arc::default());
    meter.measure(|| while meter.spent() < FOREGROUND_TIME {});
}

#[tokio::test]
async fn a_guest_that_computes_for_long_goes_on_in_the_background() {
    let guest = async {
        let first = thread_name();
        compute();
        tokio::task::yield_now().await;
        (first, thread_name())
    };
    let (first, then) = scheduled(&ProcessorUse::new(), guest).await;
    assert_ne!(first, "background");
    assert_eq!(then, "background");
}

#[tokio::test]
async fn a_guest_that_waits_stays_where_it_is() {
    let guest = async {
        sleep(2 * FOREGROUND_TIME).await;
        thread_name()
    };
    assert_ne!(scheduled(&ProcessorUse::new(), guest).await, "background");
}

#[tokio::test]
async fn guests_of_a_component_that_computes_a_lot_begin_in_the_background() {
    let component = ProcessorUse::new();
    component.record(Duration::from_hours(1));
    assert_ne!(
        scheduled(&component, async { thread_name() }).await,
        "background",
        "once is nothing"
    );
    for _ in 0..10 {
        component.record(2 * FOREGROUND_MEAN);
    }
    assert_eq!(scheduled(&component, async { thread_name() }).await, "background");
    for _ in 0..50 {
        component.record(Duration::from_micros(100));
    }
    assert_ne!(scheduled(&component, async { thread_name() }).await, "background");
}

/// A component whose guests begin in the background.
fn heavy() -> ProcessorUse {
    let component = ProcessorUse::new();
    for _ in 0..100 {
        component.record(FOREGROUND_TIME);
    }
    component
}

#[tokio::test]
async fn timers_and_tasks_of_a_guest_belong_to_the_hosts_runtime() {
    let guest = async {
        sleep(Duration::from_millis(1)).await;
        tokio::spawn(async { thread_name() }).await.unwrap()
    };
    assert_ne!(scheduled(&heavy(), guest).await, "background");
}

#[tokio::test]
async fn a_guest_in_the_background_ends_at_once_when_it_is_dropped() {
    struct Held(Arc<AtomicBool>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (is_free, has_begun) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(0)));
    let (held, begins) = (Held(Arc::clone(&is_free)), Arc::clone(&has_begun));
    let guest = async move {
        begins.add_permits(1);
        sleep(Duration::from_hours(1)).await;
        drop(held);
    };
    let mut guest = scheduled(&heavy(), guest);
    assert!((&mut guest).now_or_never().is_none());
    let _ = has_begun.acquire().await.unwrap();
    // The lock on its future is free after its first poll.
    if let Stage::Background { guest, .. } = &guest.stage {
        drop(guest.future.lock().unwrap());
    }
    drop(guest);
    assert!(is_free.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_panic_in_the_background_is_one_of_the_caller() {
    let guest = async { panic!("on purpose") };
    let guest = scheduled::<_>(&heavy(), guest.map(|(): ()| ()));
    assert!(std::panic::AssertUnwindSafe(guest).catch_unwind().await.is_err());
}
