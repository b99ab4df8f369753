//! A prober that makes no request.

use std::error::Error;
use std::sync::Arc;

use berth_runtime::{Probe, Registry};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::uri::InvalidUri;

use crate::prober::{ProbeResponse, Prober, Trial};

type Answer = dyn Fn(Arc<Registry>) -> BoxFuture<'static, StatusCode> + Send + Sync;

/// Answers each probe as a test says.
#[derive(Clone)]
pub(crate) struct FakeProber(Arc<Answer>);

impl FakeProber {
    /// Answers each probe with `status`.
    pub(crate) fn with_status(status: StatusCode) -> Self {
        Self::new(move |_| async move { status }.boxed())
    }

    /// Answers each probe with the result of `answer`, which gets the versions on trial.
    pub(crate) fn new(
        answer: impl Fn(Arc<Registry>) -> BoxFuture<'static, StatusCode> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(answer))
    }
}

impl Prober for FakeProber {
    fn begin(&self, registry: Arc<Registry>) -> Result<Box<dyn Trial>, Box<dyn Error + Send + Sync>> {
        Ok(Box::new(FakeTrial {
            answer: Arc::clone(&self.0),
            registry,
        }))
    }
}

struct FakeTrial {
    answer: Arc<Answer>,
    registry: Arc<Registry>,
}

impl Trial for FakeTrial {
    fn answer<'a>(&'a self, _: &'a Probe) -> BoxFuture<'a, Result<ProbeResponse, InvalidUri>> {
        async {
            Ok(ProbeResponse {
                status: (self.answer)(Arc::clone(&self.registry)).await,
                beginning: "the fake's answer".to_owned(),
                is_whole: true,
            })
        }
        .boxed()
    }
}
