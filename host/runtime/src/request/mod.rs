//! The request that an instance serves, and the host's log lines about the request.
//!
//! - `log_budget`: the lines that a component may write or cause
//! - `component_line`: a component's own lines
//! - `incident`: the host's lines about a component's actions
//! - `refused_statement`: the statement that explains why a request failed
//! - `traps`: a component's last failures
//! - `usage`: the time, memory, statements and tokens that the request has used

pub(crate) mod component_line;
pub(crate) mod incident;
pub(crate) mod log_budget;
pub(crate) mod refused_statement;
pub(crate) mod traps;
pub(crate) mod usage;

use std::num::NonZeroU32;
use std::sync::Arc;

use berth_traces::Span;

use self::log_budget::LogBudget;
use self::refused_statement::LastRefusal;
use self::traps::Traps;
use self::usage::RequestUsage;
use crate::metrics::ComponentMetrics;
use crate::principal::Principal;

/// A request as the host knows it before a component serves it.
#[derive(Clone, Debug, Default)]
pub struct RequestDetails {
    /// The request's `x-request-id`.
    pub request_id: String,
    /// The path pattern of the manifest that the request's path matches.
    pub route: Option<Arc<str>>,
    /// The principal, if any. The component acts for this principal only.
    pub principal: Option<Principal>,
    /// The counters of the request, which the host reads during and after the request.
    pub usage: Arc<RequestUsage>,
    /// The request in its trace.
    pub span: Span,
}

/// The host's data about a request. A guest sees the principal if it is granted `identity`; the rest is for the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// The component that serves the request.
    pub(crate) component: String,
    /// The number of the component's version. None for a version that has no number yet.
    pub(crate) version: Option<NonZeroU32>,
    /// The request's `x-request-id`.
    pub(crate) request_id: String,
    /// The path pattern that the request's path matches.
    pub(crate) route: Option<Arc<str>>,
    /// The principal, if any.
    pub(crate) principal: Option<Principal>,
    /// The counters of the client's request.
    pub(crate) usage: Arc<RequestUsage>,
    /// The component's work for the request, in its trace.
    pub(crate) span: Span,
    /// The component's log budget.
    pub(crate) log: LogBudget,
    /// The component's last failures.
    pub(crate) traps: Traps,
    /// The component's numbers.
    pub(crate) metrics: Arc<ComponentMetrics>,
    /// The last statement that PostgreSQL refused.
    pub(crate) last_refusal: LastRefusal,
}

#[cfg(test)]
impl RequestContext {
    /// A request of `principal` to the component `component`.
    pub(crate) fn for_tests(component: &str, principal: Option<Principal>) -> Arc<Self> {
        Arc::new(Self {
            component: component.to_owned(),
            version: NonZeroU32::new(1),
            request_id: "the-request".to_owned(),
            route: None,
            principal,
            usage: Arc::default(),
            span: Span::none(),
            log: LogBudget::new(component, &log_budget::LogLimits::default()),
            traps: Traps::new(),
            metrics: Arc::default(),
            last_refusal: LastRefusal::default(),
        })
    }
}
