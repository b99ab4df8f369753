//! The environment as a map, so that its readers can be tested without changing the process's environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::{fmt, fs};

use super::{ConfigError, Secret};

/// Environment variables, as they were when the process started.
///
/// `Debug` shows the names alone.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// The variables of this process.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The value of `name` without the white space around it. A blank value counts as unset, because manifests and
    /// compose files write `NAME=` for "not here".
    pub(super) fn get(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        Ok(self.text(name)?.map(str::trim))
    }

    /// The secret `name`, or the contents of the file that `<name>_FILE` names, without a final line end.
    pub(super) fn secret(
        &self,
        name: &'static str,
        name_of_file: &'static str,
    ) -> Result<Option<Secret>, ConfigError> {
        let Some(path) = self.get(name_of_file)? else {
            return Ok(self.text(name)?.map(|value| value.to_owned().into()));
        };
        if self.get(name)?.is_some() {
            return Err(ConfigError::variable(
                name_of_file,
                format!("{name} is set too: keep one of the two"),
            ));
        }
        let contents = fs::read_to_string(path).map_err(|error| {
            ConfigError::variable(
                name_of_file,
                format!("{path:?} cannot be read ({error}): name a readable text file"),
            )
        })?;
        let secret = contents
            .strip_suffix('\n')
            .map_or(&*contents, |rest| rest.strip_suffix('\r').unwrap_or(rest));
        if secret.trim().is_empty() {
            return Err(ConfigError::variable(
                name_of_file,
                format!("{path:?} is empty: write the secret into it"),
            ));
        }
        Ok(Some(secret.to_owned().into()))
    }

    /// The raw value of `name`, even if blank or not UTF-8.
    pub(super) fn raw(&self, name: &'static str) -> Option<&OsString> {
        self.0.get(name)
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of a variable that the manifest names. The error names the fault.
    pub(super) fn text_of(&self, name: &str) -> Result<Option<&str>, String> {
        match self.0.get(name) {
            Some(value) => value
                .to_str()
                .map(Some)
                .ok_or_else(|| format!("{name} is not UTF-8: write it as plain text")),
            None => Ok(None),
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, ConfigError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let text = value
            .to_str()
            .ok_or_else(|| ConfigError::variable(name, "it is not UTF-8: write it as plain text"))?;
        Ok((!text.trim().is_empty()).then_some(text))
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl<Value: Into<OsString>> FromIterator<(Value, Value)> for Variables {
    fn from_iter<I: IntoIterator<Item = (Value, Value)>>(variables: I) -> Self {
        let text = |name: Value| name.into().into_string().ok();
        Self(
            variables
                .into_iter()
                .filter_map(|(name, value)| Some((text(name)?, value.into())))
                .collect(),
        )
    }
}
