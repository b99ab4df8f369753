//! One environment variable: its name, its documentation, and how its value is read and checked.
//!
//! The types differ in what applies if the variable is not set, so that no reader can overlook that case.

use std::ffi::OsString;

use super::{ConfigError, Secret, Variables};

/// The name of a variable, and of the variable with the path of a file that has the value, if the value is a secret.
pub(super) type Names = [&'static str; 2];

/// The documentation of a variable.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) name: &'static str,
    /// The variable with the path of a file that has the value, for secrets.
    pub(super) name_of_file: Option<&'static str>,
    /// Sentences in Markdown; the first says what the variable is.
    pub(super) doc: &'static str,
    pub(super) unset: Unset,
}

/// The default of a variable.
#[derive(Debug)]
pub(super) enum Unset {
    /// This value.
    Value(&'static str),
    /// A description in Markdown.
    Words(&'static str),
}

/// A variable that has a value if it is not set.
pub(super) struct Variable<T> {
    pub(super) description: Description,
    default: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Variable<T> {
    /// `default` is parsed if the variable is not set.
    pub(super) const fn new(
        [name, _]: Names,
        doc: &'static str,
        default: &'static str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Self {
        Self {
            description: Description::new(name, doc, Unset::Value(default)),
            default,
            parse,
        }
    }

    /// The value, or the default.
    pub(super) fn read(&self, variables: &Variables) -> Result<T, ConfigError> {
        let value = variables.get(self.description.name)?.unwrap_or(self.default);
        (self.parse)(value).map_err(|reason| self.refuse(reason))
    }

    /// An error about the value.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::variable(self.description.name, reason)
    }
}

/// A variable without a default value: what applies depends on the machine or on other settings.
pub(super) struct OptionalVariable<T> {
    pub(super) description: Description,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> OptionalVariable<T> {
    /// `unset` says what applies if the variable is not set.
    pub(super) const fn new(
        [name, _]: Names,
        doc: &'static str,
        unset: &'static str,
        parse: fn(&str) -> Result<T, String>,
    ) -> Self {
        Self {
            description: Description::new(name, doc, Unset::Words(unset)),
            parse,
        }
    }

    /// The value, if it is set.
    pub(super) fn read(&self, variables: &Variables) -> Result<Option<T>, ConfigError> {
        let value = variables.get(self.description.name)?;
        let parsed = value.map(self.parse).transpose();
        parsed.map_err(|reason| self.refuse(reason))
    }

    /// An error about the value.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::variable(self.description.name, reason)
    }
}

/// A secret, which may come from a file.
pub(super) struct SecretVariable<T> {
    pub(super) description: Description,
    name_of_file: &'static str,
    parse: fn(Secret) -> Result<T, String>,
}

impl<T> SecretVariable<T> {
    /// `unset` says what applies if the variable is not set. Errors of `parse` must not show the secret.
    pub(super) const fn new(
        [name, name_of_file]: Names,
        doc: &'static str,
        unset: &'static str,
        parse: fn(Secret) -> Result<T, String>,
    ) -> Self {
        let mut description = Description::new(name, doc, Unset::Words(unset));
        description.name_of_file = Some(name_of_file);
        Self {
            description,
            name_of_file,
            parse,
        }
    }

    /// The value, or the contents of its file.
    pub(super) fn read(&self, variables: &Variables) -> Result<Option<T>, ConfigError> {
        let secret = variables.secret(self.description.name, self.name_of_file)?;
        let parsed = secret.map(self.parse).transpose();
        parsed.map_err(|reason| self.refuse(reason))
    }

    /// An error about the value, which must not show the secret.
    pub(super) fn refuse(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::variable(self.description.name, reason)
    }
}

/// A variable that the host passes on as it is, even if it is not UTF-8.
pub(super) struct RawVariable {
    pub(super) description: Description,
}

impl RawVariable {
    /// `unset` says what applies if the variable is not set.
    pub(super) const fn new([name, _]: Names, doc: &'static str, unset: &'static str, (): ()) -> Self {
        Self {
            description: Description::new(name, doc, Unset::Words(unset)),
        }
    }

    /// The value, if it is set.
    pub(super) fn read(&self, variables: &Variables) -> Option<OsString> {
        variables.raw(self.description.name).cloned()
    }
}

impl Description {
    const fn new(name: &'static str, doc: &'static str, unset: Unset) -> Self {
        Self {
            name,
            name_of_file: None,
            doc,
            unset,
        }
    }
}
