//! The verified principal of a request.

/// A verified caller. Made by the host's authentication alone; a component sees it through `berth:identity/caller`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The token's `sub`: 1 to 100 characters.
    pub subject: String,
    /// The token's `email`, if it has one.
    pub email: Option<String>,
    /// The token's `name`, if it has one.
    pub name: Option<String>,
    /// Whether the request carried no token and acts as `ANONYMOUS_USER`.
    pub anonymous: bool,
}
