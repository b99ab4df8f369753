//! E-mail addresses: their validation, and the reason when an address is refused.
//!
//! The rules and sentences are those of the Python package `email-validator`, as pydantic's `EmailStr` uses it, because
//! clients of this API know them. Quoted local parts and address literals are refused, as there. Reserved domains
//! (`.local`, `.test`) are allowed, other than there, because people try a server with them.

use berth_contract::{Rule, Text, Violations};
use serde_json::Value;

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, without the angle brackets).
const MAX_ADDRESS_CHARACTERS: usize = 254;
/// The longest part before the at-sign (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL_CHARACTERS: usize = 64;
/// The longest part between two dots of a domain (RFC 1035, 2.3.4).
const MAX_LABEL_CHARACTERS: usize = 63;

/// The characters that are allowed before the at-sign beside letters and digits (RFC 5322, 3.2.3).
const LOCAL_SIGNS: &str = "!#$%&'*+-/=?^_`{|}~.";

/// A valid address, with its domain in lower case. The part before the at-sign is kept as it was written, but two
/// addresses that differ in case alone belong to one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmailAddress(String);

/// Why a text is no valid address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// There is no at-sign.
    #[error("An email address must have an @-sign.")]
    NoAtSign,
    /// The address begins with the at-sign.
    #[error("There must be something before the @-sign.")]
    NothingBefore,
    /// The address ends with the at-sign.
    #[error("There must be something after the @-sign.")]
    NothingAfter,
    /// The part before the at-sign has more than 64 bytes.
    #[error("The email address is too long before the @-sign.")]
    LocalTooLong,
    /// The address has more than 254 bytes, or a part of its domain more than 63.
    #[error("The email address is too long.")]
    TooLong,
    /// The part before the at-sign begins with a dot.
    #[error("An email address cannot start with a period.")]
    StartsWithPeriod,
    /// The part before the at-sign ends with a dot.
    #[error("An email address cannot have a period immediately before the @-sign.")]
    PeriodBeforeAtSign,
    /// The domain begins with a dot.
    #[error("An email address cannot have a period immediately after the @-sign.")]
    PeriodAfterAtSign,
    /// The domain ends with a dot.
    #[error("An email address cannot end with a period.")]
    EndsWithPeriod,
    /// Two dots follow each other.
    #[error("An email address cannot have two periods in a row.")]
    TwoPeriods,
    /// A character is not allowed before the at-sign.
    #[error("The email address contains invalid characters before the @-sign: {0:?}.")]
    LocalCharacter(char),
    /// A character is not allowed in a domain.
    #[error("The part after the @-sign contains invalid characters: {0:?}.")]
    DomainCharacter(char),
    /// A part of the domain begins or ends with a hyphen.
    #[error("An email address cannot have a hyphen at either end of a part of its domain.")]
    HyphenAtEdge,
    /// The domain is a single word, as in `root@localhost`.
    #[error("The part after the @-sign is not valid. It should have a period.")]
    NoPeriod,
    /// The domain ends with a digit, as an IP address does.
    #[error("The part after the @-sign is not valid. It is not within a valid top-level domain.")]
    NoTopLevelDomain,
}

impl EmailAddress {
    /// Parses an address; white space around the address is ignored.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::NoAtSign)?;
        check_local(local)?;
        check_domain(domain)?;
        if text.len() > MAX_ADDRESS_CHARACTERS {
            return Err(InvalidEmail::TooLong);
        }
        Ok(Self(format!("{local}@{}", domain.to_lowercase())))
    }

    /// The address as it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_local(local: &str) -> Result<(), InvalidEmail> {
    if local.is_empty() {
        return Err(InvalidEmail::NothingBefore);
    }
    let belongs = |character: &char| character.is_alphanumeric() || LOCAL_SIGNS.contains(*character);
    if let Some(stranger) = local.chars().find(|character| !belongs(character)) {
        return Err(InvalidEmail::LocalCharacter(stranger));
    }
    if local.starts_with('.') {
        return Err(InvalidEmail::StartsWithPeriod);
    }
    if local.ends_with('.') {
        return Err(InvalidEmail::PeriodBeforeAtSign);
    }
    if local.contains("..") {
        return Err(InvalidEmail::TwoPeriods);
    }
    if local.len() > MAX_LOCAL_CHARACTERS {
        return Err(InvalidEmail::LocalTooLong);
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), InvalidEmail> {
    if domain.is_empty() {
        return Err(InvalidEmail::NothingAfter);
    }
    let belongs = |character: &char| character.is_alphanumeric() || ['-', '.'].contains(character);
    if let Some(stranger) = domain.chars().find(|character| !belongs(character)) {
        return Err(InvalidEmail::DomainCharacter(stranger));
    }
    if domain.starts_with('.') {
        return Err(InvalidEmail::PeriodAfterAtSign);
    }
    if domain.ends_with('.') {
        return Err(InvalidEmail::EndsWithPeriod);
    }
    if domain.contains("..") {
        return Err(InvalidEmail::TwoPeriods);
    }
    if domain
        .split('.')
        .any(|label| label.starts_with('-') || label.ends_with('-'))
    {
        return Err(InvalidEmail::HyphenAtEdge);
    }
    if domain.split('.').any(|label| label.len() > MAX_LABEL_CHARACTERS) {
        return Err(InvalidEmail::TooLong);
    }
    if !domain.contains('.') {
        return Err(InvalidEmail::NoPeriod);
    }
    if domain.ends_with(char::is_numeric) {
        return Err(InvalidEmail::NoTopLevelDomain);
    }
    Ok(())
}

/// The validation rule of a request's field that is an address.
#[derive(Clone, Copy, Debug)]
pub struct Email;

impl Rule for Email {
    type Output = EmailAddress;

    fn check(&self, input: &Value) -> Result<EmailAddress, Violations> {
        let text = Text::of(0, usize::MAX).check(input)?;
        EmailAddress::parse(&text).map_err(|reason| {
            let message = format!("value is not a valid email address: {reason}");
            Violations::one("value_error", message, input.clone())
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::json;

    use super::*;

    #[test]
    fn ordinary_addresses_are_taken() {
        for address in [
            "a@b.co",
            "first.last+tag@sub.example.com",
            "o'neil_%x@ex-ample.org",
            "1@2.example",
            "jürgen@bücher.example",
            "someone@server.local",
        ] {
            assert_eq!(EmailAddress::parse(address).unwrap().as_str(), address);
        }
    }

    #[test]
    fn an_address_is_trimmed_and_its_domain_put_in_lower_case() {
        assert_eq!(
            EmailAddress::parse("  Ann@Example.COM\n").unwrap().as_str(),
            "Ann@example.com"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        use InvalidEmail as No;

        for (text, reason) in [
            ("", No::NoAtSign),
            ("not-an-email", No::NoAtSign),
            ("@example.com", No::NothingBefore),
            ("ann@", No::NothingAfter),
            (".ann@example.com", No::StartsWithPeriod),
            ("ann.@example.com", No::PeriodBeforeAtSign),
            ("a..b@example.com", No::TwoPeriods),
            ("an n@example.com", No::LocalCharacter(' ')),
            ("\"ann\"@example.com", No::LocalCharacter('"')),
            ("ann@exam ple.com", No::DomainCharacter(' ')),
            ("ann@bob@example.com", No::DomainCharacter('@')),
            ("ann@[192.0.2.1]", No::DomainCharacter('[')),
            ("ann@.example.com", No::PeriodAfterAtSign),
            ("ann@example.com.", No::EndsWithPeriod),
            ("ann@example..com", No::TwoPeriods),
            ("ann@-example.com", No::HyphenAtEdge),
            ("ann@example-.com", No::HyphenAtEdge),
            ("ann@localhost", No::NoPeriod),
            ("ann@192.0.2.1", No::NoTopLevelDomain),
            ("ann\0@example.com", No::LocalCharacter('\0')),
        ] {
            assert_eq!(EmailAddress::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let local = |length| format!("{}@example.com", "a".repeat(length));
        assert!(EmailAddress::parse(&local(64)).is_ok());
        assert_eq!(EmailAddress::parse(&local(65)), Err(InvalidEmail::LocalTooLong));

        let label = |length| format!("a@{}.com", "b".repeat(length));
        assert!(EmailAddress::parse(&label(63)).is_ok());
        assert_eq!(EmailAddress::parse(&label(64)), Err(InvalidEmail::TooLong));

        let whole = |length: usize| {
            let address = format!(
                "a@{}com",
                format!("{}.", "b".repeat(49)).repeat(4) + &"c".repeat(length - 206) + "."
            );
            assert_eq!(address.len(), length);
            EmailAddress::parse(&address)
        };
        assert!(whole(254).is_ok());
        assert_eq!(whole(255), Err(InvalidEmail::TooLong));
    }

    #[test]
    fn a_field_is_refused_in_pydantics_words() {
        let refused = |input: Value| {
            let violations = Email.check(&input).unwrap_err();
            let first = violations.iter().next().unwrap().clone();
            (first.kind, first.message.into_owned())
        };
        let message = "value is not a valid email address: An email address must have an @-sign.";
        assert_eq!(refused(json!("nobody")), ("value_error", message.to_owned()));
        assert_eq!(refused(json!(5)).0, "string_type");
        assert_eq!(refused(json!(null)).0, "string_type");
    }
}
