//! The report of a swap while it is being written: whoever listens hears of each step when it begins and when it ends.

use std::time::Instant;

use tokio::sync::{broadcast, mpsc};

use super::report::{Changes, Failure, Outcome, Progress, Report, Step, StepReport, StepState};

/// How many events somebody may be behind who listens to every swap. Who is further behind misses some.
const BEHIND: usize = 1024;

/// Who hears of a swap as it goes on.
#[derive(Clone)]
pub(super) struct Listeners {
    everybody: broadcast::Sender<Progress>,
    caller: Option<mpsc::UnboundedSender<Progress>>,
}

impl Listeners {
    pub(super) fn new() -> Self {
        Self { everybody: broadcast::channel(BEHIND).0, caller: None }
    }

    /// The same, and who has asked for this swap.
    pub(super) fn and(&self, caller: Option<mpsc::UnboundedSender<Progress>>) -> Self {
        Self { everybody: self.everybody.clone(), caller }
    }

    /// Hears of every swap from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Progress> {
        self.everybody.subscribe()
    }

    fn tell(&self, progress: Progress) {
        // That nobody listens, or no longer, is no failure.
        if let Some(caller) = &self.caller {
            let _ = caller.send(progress.clone());
        }
        let _ = self.everybody.send(progress);
    }
}

/// What a step has to say of itself.
pub(super) type Remark = Option<String>;

/// A report that is being written.
pub(super) struct Recorder {
    report: Report,
    began: Instant,
    listeners: Listeners,
}

impl Recorder {
    /// Of a component, by the digest of the bytes that it shall have.
    pub(super) fn new(component: &str, digest: &str, listeners: Listeners) -> Self {
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
        Self { report, began: Instant::now(), listeners }
    }

    /// What has been written up to now.
    pub(super) fn report(&mut self) -> &mut Report {
        &mut self.report
    }

    /// Takes a step. Where it finds out that a later one would fail, it fails as that one.
    pub(super) async fn step<T>(
        &mut self,
        step: Step,
        work: impl Future<Output = Result<(T, Remark), Failure>>,
    ) -> Result<T, Failure> {
        self.tell(step, StepState::Started, None, 0.0);
        let began = Instant::now();
        let result = work.await;
        let took = milliseconds(began);
        match result {
            Ok((value, remark)) => {
                self.write(step, StepState::Passed, remark, took);
                Ok(value)
            }
            Err(failure) => {
                if failure.step != step {
                    self.write(step, StepState::Passed, None, took);
                }
                self.write(failure.step, StepState::Failed, Some(failure.reason.clone()), took);
                Err(failure)
            }
        }
    }

    /// Takes a step that cannot fail.
    pub(super) fn pass(&mut self, step: Step) {
        self.write(step, StepState::Passed, None, 0.0);
    }

    /// Passes over a step, since there is nothing to do.
    pub(super) fn skip(&mut self, step: Step, why: &str) {
        self.write(step, StepState::Skipped, Some(why.to_owned()), 0.0);
    }

    /// Fails a step that was not taken, since it was seen before that it would fail; or one that has passed already, but not
    /// together with other components.
    pub(super) fn fail(&mut self, failure: &Failure) {
        self.report.steps.retain(|one| one.step != failure.step);
        self.write(failure.step, StepState::Failed, Some(failure.reason.clone()), 0.0);
    }

    /// Ends the report.
    pub(super) fn finish(mut self, outcome: Outcome, failure: Option<Failure>) -> Report {
        self.report.outcome = outcome;
        self.report.failure = failure;
        self.report.milliseconds = milliseconds(self.began);
        self.listeners.tell(Progress::Report { report: self.report.clone() });
        self.report
    }

    fn write(&mut self, step: Step, state: StepState, detail: Remark, milliseconds: f64) {
        self.report.steps.push(StepReport { step, state, milliseconds, detail: detail.clone() });
        self.tell(step, state, detail, milliseconds);
    }

    fn tell(&self, step: Step, state: StepState, detail: Remark, milliseconds: f64) {
        let component = self.report.component.clone();
        let step = StepReport { step, state, milliseconds, detail };
        self.listeners.tell(Progress::Step { component, step });
    }
}

/// Since then, to the microsecond.
pub(super) fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
