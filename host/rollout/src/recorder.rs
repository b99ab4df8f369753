//! The report of a swap while it is being written. Listeners hear of each step when it begins and when it ends.

use std::sync::Arc;
use std::time::Instant;

use berth_traces::{KeyValue, Span, SpanKind, Traces};
use tokio::sync::{broadcast, mpsc};

use crate::metrics::SwapMetrics;
use crate::report::{Changes, Failure, Outcome, Progress, Report, Step, StepReport, StepState, sentence};

/// Broadcast capacity, in events. Slower subscribers lose events.
const MAX_EVENTS_BEHIND: usize = 1024;

/// The listeners to the progress of a swap.
#[derive(Clone)]
pub(crate) struct Listeners {
    subscribers: broadcast::Sender<Progress>,
    caller: Option<mpsc::UnboundedSender<Progress>>,
    metrics: Arc<SwapMetrics>,
}

impl Listeners {
    pub(crate) fn new() -> Self {
        Self {
            subscribers: broadcast::channel(MAX_EVENTS_BEHIND).0,
            caller: None,
            metrics: Arc::default(),
        }
    }

    /// These listeners and the caller that has asked for this swap.
    pub(crate) fn with_caller(&self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Self {
        Self {
            subscribers: self.subscribers.clone(),
            caller,
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// The numbers of all swaps.
    pub(crate) fn metrics(&self) -> &Arc<SwapMetrics> {
        &self.metrics
    }

    /// Subscribes to every swap from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Progress> {
        self.subscribers.subscribe()
    }

    fn tell(&self, progress: Progress) {
        // A channel without a listener is no failure.
        if let Some(caller) = &self.caller {
            let _ = caller.send(progress.clone());
        }
        let _ = self.subscribers.send(progress);
    }
}

/// The remark in the report of a step, if there is any.
pub(crate) type Remark = Option<String>;

/// A report that is being written.
pub(crate) struct Recorder {
    report: Report,
    began: Instant,
    listeners: Listeners,
    span: Span,
}

impl Recorder {
    /// Begins the report of a component, with the digest of the bytes that it shall have.
    pub(crate) fn new(component: &str, digest: &str, listeners: Listeners, traces: &Traces) -> Self {
        let span = traces.begin(SpanKind::Internal, "swap", None);
        span.rename(|| format!("swap {component}"));
        span.set(|| [KeyValue::new("berth.component", component.to_owned())]);
        let report = Report {
            component: component.to_owned(),
            outcome: Outcome::Refused,
            number: None,
            digest: digest.to_owned(),
            replaced: None,
            steps: Vec::new(),
            failure: None,
            changes: Changes::default(),
            probes: Vec::new(),
            milliseconds: 0.0,
        };
        Self {
            report,
            began: Instant::now(),
            listeners,
            span,
        }
    }

    /// The component of the report.
    pub(crate) fn component(&self) -> &str {
        &self.report.component
    }

    /// The report up to now.
    pub(crate) fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    /// Takes a step. A step that finds that a later step would fail, fails as that later step.
    pub(crate) async fn step<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = Result<(T, Remark), Failure>>,
    ) -> Result<T, Failure> {
        self.tell(step, StepState::Started, None, 0.0);
        let span = self
            .span
            .child(SpanKind::Internal, || (step.as_str(), Vec::new()));
        let began = Instant::now();
        let result = work.await;
        if let Err(failure) = &result {
            span.fail(|| failure.step.as_str().to_owned());
        }
        span.end();
        let took = milliseconds(began);
        self.listeners.metrics.record_step(step, began.elapsed());
        match result {
            Ok((value, remark)) => {
                self.write(step, StepState::Passed, remark, took);
                Ok(value)
            }
            Err(failure) => {
                if failure.step != step {
                    self.write(step, StepState::Passed, None, took);
                }
                self.write(
                    failure.step,
                    StepState::Failed,
                    Some(failure.reason.clone()),
                    took,
                );
                Err(failure)
            }
        }
    }

    /// Takes a step that cannot fail.
    pub(crate) fn pass(&mut self, step: Step) {
        self.write(step, StepState::Passed, None, 0.0);
    }

    /// Skips a step, because there is nothing to do.
    pub(crate) fn skip(&mut self, step: Step, why: &str) {
        self.write(step, StepState::Skipped, Some(why.to_owned()), 0.0);
    }

    /// Fails a step that was not taken because its failure was foreseen, or a step that has passed, but not together
    /// with other components.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.report.steps.retain(|one| one.step != failure.step);
        self.write(failure.step, StepState::Failed, Some(failure.reason.clone()), 0.0);
    }

    /// Ends the report.
    pub(crate) fn finish(mut self, outcome: Outcome, failure: Option<Failure>) -> Report {
        self.report.outcome = outcome;
        self.report.failure = failure;
        self.report.milliseconds = milliseconds(self.began);
        self.end_span();
        let failed = self.report.failure.as_ref().map(|failure| failure.step);
        self.listeners
            .metrics
            .record(&self.report.component, outcome, failed, self.began.elapsed());
        self.listeners.tell(Progress::Report {
            report: self.report.clone(),
        });
        self.report
    }

    fn end_span(&self) {
        let Report { number, failure, .. } = &self.report;
        if let Some(number) = number {
            self.span
                .set(|| [KeyValue::new("berth.version", i64::from(number.get()))]);
        }
        if let Some(failure) = failure {
            self.span.fail(|| failure.step.as_str().to_owned());
        }
        self.span.end();
    }

    fn write(&mut self, step: Step, state: StepState, detail: Remark, milliseconds: f64) {
        let detail = detail.map(|detail| sentence(&detail));
        self.report.steps.push(StepReport {
            step,
            state,
            milliseconds,
            detail: detail.clone(),
        });
        self.tell(step, state, detail, milliseconds);
    }

    fn tell(&self, step: Step, state: StepState, detail: Remark, milliseconds: f64) {
        let component = self.report.component.clone();
        let step = StepReport {
            step,
            state,
            milliseconds,
            detail,
        };
        self.listeners.tell(Progress::Step { component, step });
    }
}

/// The time since `since` in milliseconds, to the microsecond.
pub(crate) fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
