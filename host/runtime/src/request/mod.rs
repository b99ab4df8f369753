//! A request, as the host logs it.

pub(crate) mod incident;
pub(crate) mod log_budget;
pub(crate) mod refused_statement;
