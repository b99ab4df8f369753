//! PostgreSQL's `timestamptz`, with its microseconds: sqlx's own types for it would be compiled into the host too, which
//! needs none.

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// `timestamptz` among PostgreSQL's types.
const TIMESTAMPTZ: Oid = Oid(1184);

/// PostgreSQL counts from the first of January 2000: seconds since 1970.
const EPOCH: i64 = 946_684_800;

/// A point in time; RFC 3339 in JSON, in UTC.
pub(crate) struct Timestamp(jiff::Timestamp);

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl<'r> Decode<'r, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        let microseconds = <i64 as Decode<Postgres>>::decode(value)?;
        Ok(Self(jiff::Timestamp::from_microsecond(
            microseconds + EPOCH * 1_000_000,
        )?))
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let microseconds = self.0.as_microsecond() - EPOCH * 1_000_000;
        <i64 as Encode<Postgres>>::encode(microseconds, buffer)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(32);
        DateTimePrinter::new()
            .print_timestamp(&self.0, &mut text)
            .map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
