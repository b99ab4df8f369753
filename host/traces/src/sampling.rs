//! Which traces are recorded: `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration>).

use opentelemetry_sdk::trace::Sampler;

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The share of traces that begin here, from 0 to 1.
    ratio: f64,
    /// Whether a trace that began elsewhere is recorded if it is recorded there.
    follows_parent: bool,
}

/// A sampler that does not exist, or a wrong argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// The name of a sampler is unknown.
    #[error(
        "{0:?} is not a sampler: write always_on, always_off, traceidratio, parentbased_always_on, \
         parentbased_always_off or parentbased_traceidratio"
    )]
    Unknown(String),
    /// The argument is not a share.
    #[error(
        "OTEL_TRACES_SAMPLER_ARG is {0:?}: write a number from 0 to 1, such as 0.01 for one trace of a hundred"
    )]
    Ratio(String),
}

impl Sampling {
    /// The sampler `name`, with its argument. Only `traceidratio` and `parentbased_traceidratio` have one, which is 1 by
    /// default.
    ///
    /// # Errors
    ///
    /// See [`SamplingError`].
    pub fn parse(name: &str, argument: Option<&str>) -> Result<Self, SamplingError> {
        let (follows_parent, own) = match name.strip_prefix("parentbased_") {
            Some(own) => (true, own),
            None => (false, name),
        };
        let ratio = match own {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => argument.map_or(Ok(1.0), ratio)?,
            _ => return Err(SamplingError::Unknown(name.to_owned())),
        };
        Ok(Self {
            ratio,
            follows_parent,
        })
    }

    pub(crate) fn sampler(self) -> Sampler {
        let own = Sampler::TraceIdRatioBased(self.ratio);
        if self.follows_parent {
            Sampler::ParentBased(Box::new(own))
        } else {
            own
        }
    }
}

impl Default for Sampling {
    /// `parentbased_always_on`, which the specification names.
    fn default() -> Self {
        Self {
            ratio: 1.0,
            follows_parent: true,
        }
    }
}

fn ratio(text: &str) -> Result<f64, SamplingError> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| SamplingError::Ratio(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn samplers_of_the_specification_are_known() {
        for (name, argument, ratio, follows_parent) in [
            ("always_on", None, 1.0, false),
            ("always_off", Some("1"), 0.0, false),
            ("traceidratio", Some("0.01"), 0.01, false),
            ("traceidratio", None, 1.0, false),
            ("parentbased_always_on", None, 1.0, true),
            ("parentbased_always_off", None, 0.0, true),
            ("parentbased_traceidratio", Some("0.5"), 0.5, true),
        ] {
            let sampling = Sampling::parse(name, argument).unwrap();
            assert_eq!(
                sampling,
                Sampling {
                    ratio,
                    follows_parent
                },
                "{name}"
            );
        }
    }

    #[test]
    fn another_sampler_or_share_is_refused() {
        for name in ["", "parentbased_", "jaeger_remote", "Always_On"] {
            let refused = Sampling::parse(name, None).unwrap_err();
            assert_eq!(refused, SamplingError::Unknown(name.to_owned()));
        }
        for share in ["", "2", "-0.1", "NaN", "1%"] {
            let refused = Sampling::parse("traceidratio", Some(share)).unwrap_err();
            assert_eq!(refused, SamplingError::Ratio(share.to_owned()));
        }
    }
}
