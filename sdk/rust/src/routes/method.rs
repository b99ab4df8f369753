//! The methods of routes.

/// A method that routes can have. The SDK answers HEAD wherever a route has GET, and the host answers OPTIONS.
///
/// ```
/// use berth_sdk::Method;
///
/// assert_eq!(Method::Get.name(), "GET");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads a resource.
    Get,
    /// Creates a resource.
    Post,
    /// Changes a resource.
    Put,
    /// Changes a part of a resource.
    Patch,
    /// Removes a resource.
    Delete,
}

impl Method {
    /// Every method, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The name of the method in HTTP: `GET`.
    ///
    /// ```
    /// # use berth_sdk::Method;
    /// assert_eq!(Method::ALL.map(Method::name), ["GET", "POST", "PUT", "PATCH", "DELETE"]);
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}
