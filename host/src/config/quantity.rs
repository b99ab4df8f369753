//! Sizes, times and counts with a minimum and a maximum, as people write them: `64MiB`, `10s`, `64`.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use bytesize::ByteSize;
use humantime_serde::re::humantime;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A quantity in `U` from `MIN` to `MAX`, inclusive. A value outside cannot be made.
pub(super) struct Quantity<U, const MIN: u64, const MAX: u64>(u64, PhantomData<U>);

/// Milliseconds, written with a unit: `10s`, `1m 30s`.
pub(super) struct Time;
/// Bytes, with a unit or without: `64MiB`, `65536`.
pub(super) struct Size;
/// A count: `64`.
pub(super) struct Count;

pub(super) const KIB: u64 = 1024;
pub(super) const MIB: u64 = 1024 * KIB;
pub(super) const GIB: u64 = 1024 * MIB;
pub(super) const SECOND: u64 = 1000;
pub(super) const HOUR: u64 = 3600 * SECOND;

/// The notation of a kind of quantity.
pub(super) trait Unit {
    /// An example for the error message.
    const EXAMPLE: &'static str;
    fn read(text: &str) -> Option<u64>;
    fn show(value: u64) -> String;
}

impl Unit for Time {
    const EXAMPLE: &'static str = "a time such as \"10s\"";

    fn read(text: &str) -> Option<u64> {
        u64::try_from(humantime::parse_duration(text).ok()?.as_millis()).ok()
    }

    fn show(value: u64) -> String {
        humantime::format_duration(Duration::from_millis(value)).to_string()
    }
}

impl Unit for Size {
    const EXAMPLE: &'static str = "a size such as \"64MiB\"";

    fn read(text: &str) -> Option<u64> {
        Some(text.parse::<ByteSize>().ok()?.as_u64())
    }

    fn show(value: u64) -> String {
        ByteSize(value).display().iec().to_string().replace(".0 ", " ")
    }
}

impl Unit for Count {
    const EXAMPLE: &'static str = "a whole number";

    fn read(text: &str) -> Option<u64> {
        text.parse().ok()
    }

    fn show(value: u64) -> String {
        value.to_string()
    }
}

impl<U, const MIN: u64, const MAX: u64> Quantity<U, MIN, MAX> {
    pub(super) fn value(&self) -> u64 {
        self.0
    }

    /// The quantity as a count of things in memory.
    pub(super) fn count(&self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MIN: u64, const MAX: u64> Quantity<Time, MIN, MAX> {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl<U: Unit, const MIN: u64, const MAX: u64> FromStr for Quantity<U, MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let range = || format!("{} to {}", U::show(MIN), U::show(MAX));
        let value = U::read(text)
            .ok_or_else(|| format!("{text:?} cannot be read: write {} ({})", U::EXAMPLE, range()))?;
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value, PhantomData))
        } else {
            Err(format!("{text:?} is out of range: choose from {}", range()))
        }
    }
}

impl<'de, U: Unit, const MIN: u64, const MAX: u64> Deserialize<'de> for Quantity<U, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor(PhantomData))
    }
}

/// Accepts a TOML integer as well: `64` and `"64"` are equal.
struct QuantityVisitor<U, const MIN: u64, const MAX: u64>(PhantomData<U>);

impl<U: Unit, const MIN: u64, const MAX: u64> Visitor<'_> for QuantityVisitor<U, MIN, MAX> {
    type Value = Quantity<U, MIN, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(U::EXAMPLE)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        number.to_string().parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn size(text: &str) -> Result<u64, String> {
        text.parse::<Quantity<Size, KIB, MIB>>().map(|size| size.value())
    }

    fn time(text: &str) -> Result<Duration, String> {
        text.parse::<Quantity<Time, 1, HOUR>>()
            .map(|time| time.duration())
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        assert_eq!(size("1KiB").unwrap(), KIB);
        assert_eq!(size("1048576").unwrap(), MIB);
        assert!(size("1023").is_err());
        assert_eq!(
            size("1025KiB").unwrap_err(),
            r#""1025KiB" is out of range: choose from 1 KiB to 1 MiB"#
        );
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(time("1m 30s").unwrap(), Duration::from_secs(90));
        assert_eq!(
            time("30").unwrap_err(),
            r#""30" cannot be read: write a time such as "10s" (1ms to 1h)"#
        );
    }
}
