//! The request that an instance serves, and the host's log lines about the request.
//!
//! - `log_budget`: the lines that a component may write or cause
//! - `component_line`: a component's own lines
//! - `incident`: the host's lines about a component's actions
//! - `refused_statement`: the statement that explains why a request failed

pub(crate) mod component_line;
pub(crate) mod incident;
pub(crate) mod log_budget;
pub(crate) mod refused_statement;

use std::num::NonZeroU32;
use std::sync::Arc;

use self::log_budget::LogBudget;
use self::refused_statement::LastRefusal;
use crate::metrics::ComponentMetrics;
use crate::principal::Principal;

/// The host's data about a request. A guest sees the principal if it is granted `identity`; the rest is for the log.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// The component that serves the request.
    pub(crate) component: String,
    /// The number of the component's version. None for a version that has no number yet.
    pub(crate) version: Option<NonZeroU32>,
    /// The request's `x-request-id`.
    pub(crate) request_id: String,
    /// The principal, if any.
    pub(crate) principal: Option<Principal>,
    /// The component's log budget.
    pub(crate) log: LogBudget,
    /// The component's numbers.
    pub(crate) metrics: Arc<ComponentMetrics>,
    /// The last statement that PostgreSQL refused.
    pub(crate) last_refusal: LastRefusal,
}

#[cfg(test)]
impl RequestContext {
    /// A request of `principal` to the component `component`.
    pub(crate) fn for_tests(component: &str, principal: Option<Principal>) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self {
            component: component.to_owned(),
            version: NonZeroU32::new(1),
            request_id: "the-request".to_owned(),
            principal,
            log: LogBudget::new(component, &log_budget::LogLimits::default()),
            metrics: Arc::default(),
            last_refusal: LastRefusal::default(),
        })
    }
}
