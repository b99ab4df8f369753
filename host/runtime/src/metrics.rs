//! The numbers of a component, which the host exports. All versions of the component share them.
//!
//! A request records a few atomic additions and no text: its route's numbers are found with the route, when the
//! deployment is made. The names among the labels are the manifest's (routes, callees), so their number is bounded.

use std::sync::Arc;
use std::time::Duration;

use berth_metrics::{ByKey, Counters, Gauge, Histogram, Label, Seconds, labels};

labels! {
    /// The class of a response's status.
    StatusClass {
        /// No response was sent: the client went away before.
        None = "none",
        /// 100 to 199.
        Informational = "1xx",
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 and more.
        ServerError = "5xx",
    }
}

labels! {
    /// A limit that a component can meet.
    Limit {
        /// `limits.memory`
        Memory = "memory",
        /// `limits.time`
        Time = "time",
        /// `limits.cpu`
        Cpu = "cpu",
        /// `limits.concurrency`: no instance was free in time.
        Concurrency = "concurrency",
        /// `limits.body`
        Body = "body",
        /// `limits.rows`
        Rows = "rows",
        /// `limits.result`
        Result = "result",
        /// The memory of all instances: there was none in time.
        GuestMemory = "guest-memory",
        /// The pool of instances of all components.
        Instances = "instances",
        /// The time of a statement.
        StatementTime = "statement-time",
        /// The connections to PostgreSQL of the component: none was free in time.
        Connections = "connections",
        /// The transactions of a request.
        Transactions = "transactions",
        /// The depth of calls between components.
        CallDepth = "call-depth",
    }
}

labels! {
    /// A failure of a component.
    Failure {
        /// The guest trapped or exited.
        Trap = "trap",
        /// The guest returned without a response.
        NoResponse = "no-response",
        /// The guest answered with an error instead of a response.
        ErrorResponse = "error-response",
        /// The guest did not complete its response.
        IncompleteResponse = "incomplete-response",
        /// The status of the response is no final status of HTTP.
        InvalidStatus = "invalid-status",
        /// A component that the guest called failed, and the guest could not be told.
        Callee = "callee",
    }
}

labels! {
    /// The outcome of a statement.
    StatementOutcome {
        /// The statement ran.
        Ok = "ok",
        /// PostgreSQL refused it.
        Refused = "refused",
        /// It took too long.
        Timeout = "timeout",
        /// Its result or its parameters exceed a limit.
        TooLarge = "too-large",
        /// No connection was free in time.
        Exhausted = "exhausted",
        /// PostgreSQL was not available.
        Unavailable = "unavailable",
        /// The host refused it before it was sent.
        Invalid = "invalid",
        /// Its request ended before it.
        Abandoned = "abandoned",
    }
}

labels! {
    /// The outcome of an outgoing request.
    OutgoingOutcome {
        /// 100 to 199.
        Informational = "1xx",
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirection = "3xx",
        /// 400 to 499.
        ClientError = "4xx",
        /// 500 and more.
        ServerError = "5xx",
        /// The manifest does not list the destination, or its address is not public.
        Refused = "refused",
        /// No response came.
        Failed = "failed",
        /// The component's own request ended before a response came.
        Abandoned = "abandoned",
    }
}

labels! {
    /// The outcome of a call to another component.
    CallOutcome {
        /// The callee returned a result.
        Ok = "ok",
        /// The callee failed.
        Failed = "failed",
        /// The callee exceeded its time.
        TimedOut = "timed-out",
        /// The callee had no instance or no memory free in time.
        Busy = "busy",
        /// The callee is not live, or calls are nested too deep.
        Refused = "refused",
        /// The caller's request ended before the callee's result.
        Abandoned = "abandoned",
    }
}

/// The numbers of a component.
#[derive(Debug)]
pub struct ComponentMetrics {
    /// Requests of clients, by route pattern.
    pub routes: ByKey<String, RouteMetrics>,
    /// How often a limit was met.
    pub limits: Counters<Limit>,
    /// Failures of guests.
    pub failures: Counters<Failure>,
    /// Processor time of ended instances.
    pub cpu: Seconds,
    /// The memory that instances had at their end.
    pub memory: Histogram,
    /// The most memory that any instance had, in bytes.
    pub peak_memory: Gauge,
    /// The times that requests and calls waited for an instance.
    pub queue: Histogram,
    /// Requests and calls that wait for an instance.
    pub waiting: Gauge,
    /// Statements, by outcome.
    pub statements: Counters<StatementOutcome>,
    /// The times of statements, with the wait for a connection.
    pub statement_times: Histogram,
    /// Calls to other components, by callee.
    pub calls: ByKey<String, CallMetrics>,
    /// Outgoing requests, by outcome.
    pub outgoing: Counters<OutgoingOutcome>,
    /// The times of outgoing requests, until the head of the response.
    pub outgoing_times: Histogram,
    /// Calls of language models.
    pub cohere: Arc<berth_cohere::Metrics>,
}

impl Default for ComponentMetrics {
    fn default() -> Self {
        Self {
            routes: ByKey::default(),
            limits: Counters::default(),
            failures: Counters::default(),
            cpu: Seconds::default(),
            memory: Histogram::of_sizes(),
            peak_memory: Gauge::default(),
            queue: Histogram::of_times(),
            waiting: Gauge::default(),
            statements: Counters::default(),
            statement_times: Histogram::of_times(),
            calls: ByKey::default(),
            outgoing: Counters::default(),
            outgoing_times: Histogram::of_times(),
            cohere: Arc::default(),
        }
    }
}

/// The requests to one route.
#[derive(Debug)]
pub struct RouteMetrics {
    /// Requests in flight.
    pub in_flight: Gauge,
    /// Requests that have ended, by the class of their status.
    pub statuses: Counters<StatusClass>,
    /// The times from a request's head to the last byte of its response, for each class of [`StatusClass::ALL`].
    pub times: Box<[Histogram]>,
}

impl Default for RouteMetrics {
    fn default() -> Self {
        Self {
            in_flight: Gauge::default(),
            statuses: Counters::default(),
            times: StatusClass::ALL.iter().map(|_| Histogram::of_times()).collect(),
        }
    }
}

impl RouteMetrics {
    /// Counts a request that has ended.
    pub fn record(&self, class: StatusClass, time: Duration) {
        self.statuses.increment(class);
        if let Some(times) = self.times.get(class.index()) {
            times.observe_time(time);
        }
    }
}

impl StatusClass {
    /// The class of a status.
    #[must_use]
    pub fn of(status: http::StatusCode) -> Self {
        match status.as_u16() {
            0..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl OutgoingOutcome {
    /// The outcome of a response with this status.
    pub(crate) fn of(status: http::StatusCode) -> Self {
        match status.as_u16() {
            0..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// The calls of a component to one other component.
#[derive(Debug)]
pub struct CallMetrics {
    /// Calls that have ended, by outcome.
    pub outcomes: Counters<CallOutcome>,
    /// The times of calls.
    pub times: Histogram,
}

impl Default for CallMetrics {
    fn default() -> Self {
        Self {
            outcomes: Counters::default(),
            times: Histogram::of_times(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_once_in_the_class_of_its_status() {
        let route = RouteMetrics::default();
        for status in [200, 204, 404, 599, 999] {
            let class = http::StatusCode::from_u16(status).map(StatusClass::of);
            route.record(class.unwrap_or(StatusClass::None), Duration::from_millis(1));
        }
        let counted: Vec<_> = route.statuses.all().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("2xx", 2), ("4xx", 1), ("5xx", 2)]);
        let times: u64 = route.times.iter().map(|times| times.read().count).sum();
        assert_eq!(times, 5);
    }
}
