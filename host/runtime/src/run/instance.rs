//! One request in one instance, from its head to the last byte of its response.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use berth_traces::{KeyValue, Span, SpanKind};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use wasmtime::{PoolConcurrencyLimitError, Store};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use super::background::Scheduled;
use super::backtrace::{Backtrace, Reason};
use super::component_calls::{CallError, Calls};
use super::guest_body::{Guest, GuestBody};
use super::guest_memory::{Charge, NoGuestMemory};
use super::handle_error::HandleError;
use super::meter::CpuMeter;
use super::overdrawn::Overdrawn;
use super::registry::Registry;
use super::request_body::{LimitedBody, RequestBodyError};
use super::state::State;
use super::version::Version;
use crate::limits::QUEUE_TIME;
use crate::metrics::{Failure, Limit};
use crate::request::refused_statement::LastRefusal;
use crate::request::usage::Wait;
use crate::request::{RequestContext, RequestDetails};

/// Processor time that a guest may use between the head of its response and its first wait, before the head is sent.
const MAX_HEAD_DELAY: Duration = Duration::from_millis(50);

/// The permit to run one more instance.
pub(crate) struct Admission {
    permit: OwnedSemaphorePermit,
    /// The initial memory of the instance.
    memory: Charge,
}

/// A guest, which runs while it is polled.
pub(crate) type Running<R> = Pin<Box<dyn Future<Output = Result<R, HandleError>> + Send>>;

type HeadSender = oneshot::Sender<Result<Response<HyperOutgoingBody>, ErrorCode>>;
type Head = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Version {
    /// Serves one request in a fresh instance, for the principal of `details` only. Calls to other components go to the live
    /// versions in `registry`.
    ///
    /// The future completes when the guest has sent the head of its response; the body is streamed. Dropping the
    /// future or the response's body early ends the guest.
    pub async fn handle<B>(
        self: &Arc<Self>,
        request: Request<B>,
        details: RequestDetails,
        registry: &Arc<Registry>,
    ) -> Result<Response<GuestBody>, HandleError>
    where
        B: Body<Data = Bytes, Error: Into<RequestBodyError>> + Send + Unpin + 'static,
    {
        let limit = self.spec.limits.body;
        if content_length(request.headers()).is_some_and(|length| length > limit) {
            self.resources.metrics.limits.increment(Limit::Body);
            return Err(HandleError::BodyTooLarge(limit));
        }
        let is_head = *request.method() == Method::HEAD;
        let (fault, faults) = oneshot::channel();
        let request = request.map(|body| LimitedBody::new(body, limit, fault));
        let RequestDetails {
            request_id,
            route,
            principal,
            usage,
            span,
        } = details;
        let context = Arc::new(RequestContext {
            component: self.spec.name.clone(),
            version: self.number,
            request_id,
            route,
            principal,
            usage,
            span: self.begin_span(&span),
            log: self.resources.log.clone(),
            traps: self.resources.traps.clone(),
            metrics: Arc::clone(&self.resources.metrics),
            last_refusal: LastRefusal::default(),
        });
        let calls = Calls::new(Arc::clone(registry));
        let response = self.respond(request, is_head, faults, &context, calls).await;
        if matches!(response, Err(HandleError::BodyTooLarge(_))) {
            context.metrics.limits.increment(Limit::Body);
        }
        let has_failed = match &response {
            Ok(response) => response.status().is_server_error(),
            Err(error) => {
                context.span.fail(|| format!("{error:?}"));
                matches!(error, HandleError::Failed | HandleError::TimedOut)
            }
        };
        if has_failed {
            context.warn_of_refusal();
        }
        response
    }

    /// Begins the span of this version's work for a request.
    pub(crate) fn begin_span(&self, parent: &Span) -> Span {
        parent.child(SpanKind::Internal, || {
            let mut attributes = vec![KeyValue::new("berth.component", self.spec.name.clone())];
            if let Some(number) = self.number {
                attributes.push(KeyValue::new("berth.version", i64::from(number.get())));
            }
            (self.spec.name.clone(), attributes)
        })
    }

    /// Runs a guest until its response can be sent. `faults` receives errors of the request's body.
    async fn respond<B>(
        self: &Arc<Self>,
        request: Request<LimitedBody<B>>,
        is_head: bool,
        mut faults: oneshot::Receiver<HandleError>,
        context: &Arc<RequestContext>,
        calls: Calls,
    ) -> Result<Response<GuestBody>, HandleError>
    where
        B: Body<Data = Bytes, Error: Into<RequestBodyError>> + Send + Unpin + 'static,
    {
        let admission = self.admit(context).await?;
        let (sender, head) = oneshot::channel();
        let meter = CpuMeter::new(Arc::clone(&context.usage));
        let guest = self.run_metered(
            Arc::clone(context),
            calls,
            admission,
            Arc::clone(&meter),
            |version, store| async move { version.answer(store, request, sender).await },
        );
        let head = tokio::select! {
            biased;
            // The guest ends here, because it must not take the received part of the body for the whole.
            Ok(fault) = &mut faults => return Err(fault),
            head = wait_for_head(head, guest, &meter, context) => head,
        };
        // From here on, the guest handles a body that breaks off.
        faults.close();
        if let Ok(fault) = faults.try_recv() {
            return Err(fault);
        }
        let (head, guest) = head?;
        let (head, body) = head.into_parts();
        let body = GuestBody::new(body, guest, content_length(&head.headers), Arc::clone(context));
        let body = match head.status {
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => body.discarded(),
            // A response to HEAD has no body.
            _ if is_head => body,
            _ => body.complete()?,
        };
        Ok(Response::from_parts(head, body))
    }

    /// Waits for a permit to run one more instance, and for the memory that the instance is likely to need.
    pub(crate) async fn admit(&self, context: &RequestContext) -> Result<Admission, HandleError> {
        let _waits = context.usage.wait(Wait::Queue);
        let span = context
            .span
            .child(SpanKind::Internal, || ("wait for a turn", Vec::new()));
        let began = Instant::now();
        let _waiting = context.metrics.waiting.enter();
        let admission = self.admit_until(began + QUEUE_TIME, context).await;
        context.metrics.queue.observe_time(began.elapsed());
        if admission.is_err() {
            span.fail(|| "busy".to_owned());
        }
        span.end();
        admission
    }

    async fn admit_until(
        &self,
        deadline: Instant,
        context: &RequestContext,
    ) -> Result<Admission, HandleError> {
        let permit = Arc::clone(&self.resources.permits).acquire_owned();
        let Ok(Ok(permit)) = timeout_at(deadline, permit).await else {
            context.metrics.limits.increment(Limit::Concurrency);
            return Err(HandleError::Busy);
        };
        let memory = self.memory.charge_for_instance(self.spec.limits.memory);
        match timeout_at(deadline, memory)
            .await
            .unwrap_or_else(|_| Err(self.memory.none_left()))
        {
            Ok(memory) => Ok(Admission { permit, memory }),
            Err(error) => Err(no_memory(&error, context)),
        }
    }

    /// Runs `work` with a store of its own, within the component's limits. Dropping the returned future ends the work.
    pub(crate) fn run<R, F>(
        self: &Arc<Self>,
        context: Arc<RequestContext>,
        calls: Calls,
        admission: Admission,
        work: impl FnOnce(Arc<Self>, Store<State>) -> F + Send + 'static,
    ) -> Running<R>
    where
        F: Future<Output = wasmtime::Result<R>> + Send + 'static,
        R: Send + 'static,
    {
        let meter = CpuMeter::new(Arc::clone(&context.usage));
        self.run_metered(context, calls, admission, meter, work)
    }

    /// Like [`run`](Self::run), with a given `meter`.
    fn run_metered<R, F>(
        self: &Arc<Self>,
        context: Arc<RequestContext>,
        calls: Calls,
        admission: Admission,
        meter: Arc<CpuMeter>,
        work: impl FnOnce(Arc<Self>, Store<State>) -> F + Send + 'static,
    ) -> Running<R>
    where
        F: Future<Output = wasmtime::Result<R>> + Send + 'static,
        R: Send + 'static,
    {
        let version = Arc::clone(self);
        let guest = async move {
            let Admission { permit, memory } = admission;
            let making = context.usage.wait(Wait::Instance);
            let store = version.store(Arc::clone(&context), calls, &meter, memory);
            drop(making);
            let time = version.spec.limits.time;
            let (background, processors) = (version.background.clone(), version.resources.processors.clone());
            let work = work(Arc::clone(&version), store);
            let work = Scheduled::new(background, processors, Arc::clone(&meter), work);
            let result = match tokio::time::timeout(time, work).await {
                Ok(Ok(result)) => Ok(result),
                Ok(Err(error)) => Err(version.classify(&error, &meter, &context).await),
                Err(_) => Err(version
                    .timed_out(Overdrawn::Time, Backtrace::none(), &context)
                    .await),
            };
            drop(permit);
            result
        };
        // A panic here is a bug. It must fail this request only, not the connection.
        let guest = AssertUnwindSafe(guest).catch_unwind();
        Box::pin(guest.map(|result| result.unwrap_or(Err(HandleError::Failed))))
    }

    async fn answer<B>(
        &self,
        mut store: Store<State>,
        request: Request<LimitedBody<B>>,
        sender: HeadSender,
    ) -> wasmtime::Result<()>
    where
        B: Body<Data = Bytes, Error: Into<RequestBodyError>> + Send + Unpin + 'static,
    {
        let incoming = store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request)?;
        let outparam = store.data_mut().http().new_response_outparam(sender)?;
        let context = Arc::clone(&store.data().request);
        let making = context.usage.wait(Wait::Instance);
        let instance = self.pre.instantiate_async(&mut store).await?;
        drop(making);
        instance
            .wasi_http_incoming_handler()
            .call_handle(&mut store, incoming, outparam)
            .await
    }

    /// Logs, once, why a guest failed. The client does not learn the reason.
    async fn classify(
        &self,
        error: &wasmtime::Error,
        meter: &CpuMeter,
        context: &RequestContext,
    ) -> HandleError {
        if error.is::<PoolConcurrencyLimitError>() {
            context.metrics.limits.increment(Limit::Instances);
            context.warn("the pool of instances is full");
            return HandleError::Busy;
        }
        if let Some(error) = error.downcast_ref::<NoGuestMemory>() {
            return no_memory(error, context);
        }
        if let Some(error) = error.downcast_ref::<CallError>() {
            // The failure was logged where it happened.
            context.metrics.failures.increment(Failure::Callee);
            return error.outcome();
        }
        let overdrawn = Overdrawn::by(error, meter.has_reached_memory_limit());
        if overdrawn == Some(Overdrawn::Cpu) {
            let backtrace = Backtrace::from_error(error);
            return self.timed_out(Overdrawn::Cpu, backtrace, context).await;
        }
        context.metrics.failures.increment(Failure::Trap);
        let limit = overdrawn.map(|overdrawn| format!(" ({})", overdrawn.in_words(&self.spec.limits)));
        let reason = format!("{}{}", Reason(error), limit.unwrap_or_default());
        let backtrace = Backtrace::from_error(error);
        context.failure(reason, backtrace, self.lines.as_ref()).await;
        HandleError::Failed
    }

    /// Logs and records that a guest was ended by a limit of time.
    async fn timed_out(
        &self,
        overdrawn: Overdrawn,
        backtrace: Backtrace,
        context: &RequestContext,
    ) -> HandleError {
        context.metrics.limits.increment(match overdrawn {
            Overdrawn::Cpu => Limit::Cpu,
            Overdrawn::Time => Limit::Time,
            Overdrawn::Memory => Limit::Memory,
        });
        let limit = overdrawn.in_words(&self.spec.limits);
        context.warn(format_args!("the component was ended: {limit}"));
        if context.traps.admit() {
            let backtrace = backtrace.in_words(self.lines.as_ref()).await;
            context.record_trap(limit, &backtrace);
        }
        HandleError::TimedOut
    }
}

/// Runs the guest until it has ended, or has sent a head and then waits: a guest that fails before its first wait has
/// failed before a byte was sent. If a guest computes for [`MAX_HEAD_DELAY`] after its head, the head is sent.
///
/// Most guests have ended by then. A guest that has not continues in a task of its own, so that its time limit applies
/// whether or not the client reads the response.
async fn wait_for_head(
    mut head: oneshot::Receiver<Head>,
    mut guest: Running<()>,
    meter: &CpuMeter,
    context: &RequestContext,
) -> Result<(Response<HyperOutgoingBody>, Option<Guest>), HandleError> {
    // A guest that has dropped its sender of the head can still wait, and so can the report of its trap.
    let mut is_open = true;
    let mut sent = None;
    let ended = poll_fn(|task| {
        if let Poll::Ready(ended) = guest.as_mut().poll(task) {
            return Poll::Ready(Some(ended));
        }
        if is_open && let Poll::Ready(received) = Pin::new(&mut head).poll(task) {
            is_open = false;
            sent = received.ok().map(|head| (head, meter.counted()));
        }
        match sent {
            Some((_, before))
                if meter.is_waiting(task) || meter.counted().saturating_sub(before) > MAX_HEAD_DELAY =>
            {
                Poll::Ready(None)
            }
            _ => Poll::Pending,
        }
    });
    let ended = ended.await;
    let sent = sent.map(|(head, _)| head);
    let (head, guest) = match ended {
        Some(ended) => {
            ended?;
            // A poll would find nothing if the guest has used up the task's budget of polls.
            (sent.or_else(|| head.try_recv().ok()), None)
        }
        None => (sent, Some(AbortOnDropHandle::new(tokio::spawn(guest)))),
    };
    match head {
        Some(Ok(head)) => Ok((head, guest)),
        Some(Err(code)) => {
            context.metrics.failures.increment(Failure::ErrorResponse);
            context.warn(format_args!(
                "the component answered with an error instead of a response: {code:?}"
            ));
            Err(HandleError::Failed)
        }
        None => {
            context.metrics.failures.increment(Failure::NoResponse);
            context.warn("the component returned without a response");
            Err(HandleError::Failed)
        }
    }
}

fn no_memory(error: &NoGuestMemory, context: &RequestContext) -> HandleError {
    context.metrics.limits.increment(Limit::GuestMemory);
    context.warn(error);
    HandleError::Busy
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
