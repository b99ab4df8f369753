//! Values of `config` and `environment`: literals in the manifest, or references to the host's environment or to a
//! file.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::Variables;
use super::table::ALL;

/// A value, as it is in the file.
pub(super) enum Value {
    /// A string, or a number or boolean instead.
    Literal(String),
    /// `{ env = "NAME" }`: the value of a variable of the host's environment.
    Variable(String),
    /// `{ file = "path" }`: the contents of the file, without a final line end.
    File(PathBuf),
}

/// The name of an environment variable.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VariableName(pub(super) String);

impl Value {
    /// The value itself. The error names the fault and shows no value.
    pub(super) fn resolve(&self, directory: &Path, variables: &Variables) -> Result<String, String> {
        match self {
            Self::Literal(text) => Ok(text.clone()),
            Self::Variable(name) if is_secret(name) => Err(format!(
                "{name} is a secret of the host, which no component reads: choose another variable"
            )),
            Self::Variable(name) => variables.text_of(name)?.map(str::to_owned).ok_or_else(|| {
                format!("the environment of the host has no {name}: set it, or write the value here")
            }),
            Self::File(path) => {
                let path = directory.join(path);
                let text = fs::read_to_string(&path).map_err(|error| {
                    format!(
                        "{} cannot be read ({error}): name a readable text file",
                        path.display()
                    )
                })?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
            }
        }
    }
}

/// Whether the variable is a secret of the host. No component reads secrets, whatever the manifest grants.
fn is_secret(name: &str) -> bool {
    ALL.iter()
        .any(|row| row.name == name && row.name_of_file.is_some())
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = |kind: &str| {
            Err(D::Error::custom(format!(
                "a component reads strings, not {kind}s: write a string, {{ env = \"NAME\" }} or {{ file = \"path\" }}"
            )))
        };
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self::Literal(text)),
            value @ (toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_)) => {
                Ok(Self::Literal(value.to_string()))
            }
            toml::Value::Table(table) => {
                let mut entries = table.into_iter();
                match (entries.next(), entries.next()) {
                    (Some((key, toml::Value::String(name))), None) if key == "env" => {
                        Ok(Self::Variable(name))
                    }
                    (Some((key, toml::Value::String(path))), None) if key == "file" => {
                        Ok(Self::File(path.into()))
                    }
                    _ => refused("other table"),
                }
            }
            other => refused(other.type_str()),
        }
    }
}

impl FromStr for VariableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains(['=', '\0']) {
            return Err(format!(
                "{text:?} is not the name of a variable: write it as in GREETING"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}
