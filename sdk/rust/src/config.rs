//! The settings that the manifest gives to a component: `wasi:config/store`, granted by `capabilities = ["config"]`.
//!
//! ```toml
//! [components.hooks]
//! capabilities = ["config"]
//! config = { target = "https://example.com/hook" }
//! ```

use crate::{Error, host};

/// The value of a setting; `None` if the manifest has no such key.
///
/// ```
/// use berth_sdk::config;
/// # use berth_sdk::testing::Host;
/// # Host::new().with_config("greeting", "Good morning").run(|| {
/// let greeting = config::get("greeting")?.unwrap_or_else(|| "Hello".to_owned());
/// assert_eq!(greeting, "Good morning");
/// # Ok::<(), berth_sdk::Error>(())
/// # })?;
/// # Ok::<(), berth_sdk::Error>(())
/// ```
pub fn get(key: &str) -> Result<Option<String>, Error> {
    host::config(key).map_err(|cause| Error::Internal(format!("config `{key}`: {cause}").into()))
}

/// The value of a setting that the component cannot work without: its absence is logged, and answered by a 500.
///
/// ```
/// use berth_sdk::config;
/// # use berth_sdk::testing::Host;
/// # Host::new().with_config("target", "https://example.com/hook").run(|| {
/// assert_eq!(config::required("target")?, "https://example.com/hook");
/// assert!(config::required("absent").is_err());
/// # Ok::<(), berth_sdk::Error>(())
/// # })?;
/// # Ok::<(), berth_sdk::Error>(())
/// ```
pub fn required(key: &str) -> Result<String, Error> {
    get(key)?.ok_or_else(|| {
        Error::Internal(format!("config `{key}` is missing: add it to `config` in the manifest").into())
    })
}
