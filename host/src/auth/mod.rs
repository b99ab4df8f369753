//! Who a caller is.

pub mod passwords;
pub mod throttle;
pub mod tokens;
