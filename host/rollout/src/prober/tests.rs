#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Mutex;

use futures_util::FutureExt as _;

use super::*;

/// Gives one response after the other. The response after the last never arrives.
struct Script(Mutex<VecDeque<ProbeResponse>>);

impl Trial for Script {
    fn answer<'a>(&'a self, probe: &'a Probe) -> BoxFuture<'a, Result<ProbeResponse, InvalidUri>> {
        async {
            probe.path.parse::<http::Uri>()?;
            let next = self.0.lock().unwrap().pop_front();
            match next {
                Some(response) => Ok(response),
                None => pending().await,
            }
        }
        .boxed()
    }
}

fn response(status: u16, is_whole: bool) -> ProbeResponse {
    ProbeResponse {
        status: StatusCode::from_u16(status).unwrap(),
        beginning: "the reason".to_owned(),
        is_whole,
    }
}

/// The statuses of the answers, and the reason of a failure.
async fn probed(path: &str, script: Vec<ProbeResponse>) -> (Vec<Option<u16>>, Option<String>) {
    let probes = [Probe {
        method: http::Method::GET,
        path: path.to_owned(),
    }];
    let mut answers = Vec::new();
    let result = probe(&Script(Mutex::new(script.into())), &probes, &mut answers).await;
    let statuses = answers.iter().map(|answer| answer.status).collect();
    (statuses, result.err().map(|failure| failure.reason))
}

#[tokio::test]
async fn three_good_answers_pass_and_redirections_are_good() {
    let script = vec![response(200, true), response(204, true), response(302, true)];
    let statuses = vec![Some(200), Some(204), Some(302)];
    assert_eq!(probed("/x", script).await, (statuses, None));
}

#[tokio::test]
async fn the_first_bad_answer_ends_the_probes_with_its_reason() {
    let failed = |why: &str| Some(format!("the probe `GET /x` failed: {why}"));
    let script = vec![response(200, true), response(500, true)];
    let why = failed("it was answered with 500 Internal Server Error: the reason");
    assert_eq!(probed("/x", script).await, (vec![Some(200), Some(500)], why));
    let why = failed("its answer broke off");
    assert_eq!(
        probed("/x", vec![response(200, false)]).await,
        (vec![Some(200)], why)
    );
    let (statuses, reason) = probed("no path", Vec::new()).await;
    assert_eq!(statuses, [None]);
    assert!(reason.unwrap().contains("its path is none"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_arrive_ends_the_probes() {
    let why = "the probe `GET /x` failed: it was not answered in 2 s".to_owned();
    assert_eq!(probed("/x", Vec::new()).await, (vec![None], Some(why)));
}
