//! A result as typed values.

use sqlx::Column as _;
use sqlx::postgres::{PgColumn, PgRow};
use sqlx::types::Uuid;

use super::field::{Stop, field, kind_of};
use super::kind::{Kind, Scalar, type_name};
use super::session::Collect;
use super::wire::{self, Misfit, unix_days, unix_microseconds};
use super::{Caps, Error, FIELD, numeric};
use crate::capabilities::postgres::bindings::{ArrayValue, Column, Interval, Rows, Value};

/// Collects `rows`.
pub(crate) struct TypedRows {
    kinds: Vec<Kind>,
    rows: Rows,
    rows_left: u32,
    budget: Budget,
    caps: Caps,
}

impl TypedRows {
    pub(crate) fn new(caps: Caps) -> Self {
        Self {
            kinds: Vec::new(),
            rows: Rows { columns: Vec::new(), values: Vec::new() },
            rows_left: caps.rows,
            budget: Budget { left: caps.bytes, whole: caps.bytes },
            caps,
        }
    }

    pub(crate) fn finish(self) -> Rows {
        self.rows
    }
}

impl Collect for TypedRows {
    fn begin(&mut self, columns: &[PgColumn]) -> Result<(), Error> {
        *self = Self::new(self.caps);
        for column in columns {
            self.kinds.push(kind_of(column)?);
            self.rows
                .columns
                .push(Column { name: column.name().to_owned(), type_name: type_name(column.type_info()) });
        }
        Ok(())
    }

    fn row(&mut self, row: &PgRow) -> Result<(), Error> {
        self.rows_left = self.rows_left.checked_sub(1).ok_or(Error::TooManyRows(self.caps.rows))?;
        for (index, kind) in self.kinds.iter().enumerate() {
            let value = self.budget.value(*kind, field(row, index)?);
            self.rows.values.push(value.map_err(|stop| stop.at(row, index))?);
        }
        Ok(())
    }
}

/// The bytes that the result may still grow by.
struct Budget {
    left: u64,
    whole: u64,
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes as u64).ok_or(Stop::TooManyBytes(self.whole))?;
        Ok(())
    }

    fn value(&mut self, kind: Kind, field: Option<&[u8]>) -> Result<Value, Stop> {
        self.spend(FIELD)?;
        match (kind, field) {
            (Kind::Void, _) | (_, None) => Ok(Value::Null),
            (Kind::Scalar(scalar), Some(bytes)) => self.scalar(scalar, bytes),
            (Kind::Array(scalar), Some(bytes)) => self.array(scalar, bytes).map(Value::Array),
        }
    }

    fn scalar(&mut self, scalar: Scalar, bytes: &[u8]) -> Result<Value, Stop> {
        Ok(match scalar {
            Scalar::Boolean => Value::Boolean(wire::boolean(bytes)?),
            Scalar::Int2 => Value::Int2(wire::int2(bytes)?),
            Scalar::Int4 => Value::Int4(wire::int4(bytes)?),
            Scalar::Int8 => Value::Int8(wire::int8(bytes)?),
            Scalar::Float4 => Value::Float4(wire::float4(bytes)?),
            Scalar::Float8 => Value::Float8(wire::float8(bytes)?),
            Scalar::Numeric => Value::Numeric(self.numeric(bytes)?),
            Scalar::Text => Value::Text(self.text(wire::text(bytes)?)?),
            Scalar::Bytea => Value::Bytea(self.bytes(bytes)?),
            Scalar::Uuid => Value::Uuid(self.uuid(bytes)?),
            Scalar::Date => Value::Date(unix_days(wire::int4(bytes)?)?),
            Scalar::Time => Value::Time(wire::int8(bytes)?),
            Scalar::Timestamp => Value::Timestamp(unix_microseconds(wire::int8(bytes)?)?),
            Scalar::Timestamptz => Value::Timestamptz(unix_microseconds(wire::int8(bytes)?)?),
            Scalar::Interval => Value::Interval(interval(bytes)?),
            Scalar::Json => Value::Json(self.text(wire::text(bytes)?)?),
            Scalar::Jsonb => Value::Json(self.text(wire::jsonb(bytes)?)?),
        })
    }

    fn array(&mut self, scalar: Scalar, bytes: &[u8]) -> Result<ArrayValue, Stop> {
        Ok(match scalar {
            Scalar::Boolean => ArrayValue::Boolean(self.elements(bytes, |_, e| Ok(wire::boolean(e)?))?),
            Scalar::Int2 => ArrayValue::Int2(self.elements(bytes, |_, e| Ok(wire::int2(e)?))?),
            Scalar::Int4 => ArrayValue::Int4(self.elements(bytes, |_, e| Ok(wire::int4(e)?))?),
            Scalar::Int8 => ArrayValue::Int8(self.elements(bytes, |_, e| Ok(wire::int8(e)?))?),
            Scalar::Float4 => ArrayValue::Float4(self.elements(bytes, |_, e| Ok(wire::float4(e)?))?),
            Scalar::Float8 => ArrayValue::Float8(self.elements(bytes, |_, e| Ok(wire::float8(e)?))?),
            Scalar::Numeric => ArrayValue::Numeric(self.elements(bytes, Self::numeric)?),
            Scalar::Text => ArrayValue::Text(self.elements(bytes, |to, e| to.text(wire::text(e)?))?),
            Scalar::Bytea => ArrayValue::Bytea(self.elements(bytes, Self::bytes)?),
            Scalar::Uuid => ArrayValue::Uuid(self.elements(bytes, Self::uuid)?),
            Scalar::Date => ArrayValue::Date(self.elements(bytes, |_, e| Ok(unix_days(wire::int4(e)?)?))?),
            Scalar::Time => ArrayValue::Time(self.elements(bytes, |_, e| Ok(wire::int8(e)?))?),
            Scalar::Timestamp => ArrayValue::Timestamp(self.elements(bytes, timestamp)?),
            Scalar::Timestamptz => ArrayValue::Timestamptz(self.elements(bytes, timestamp)?),
            Scalar::Interval => ArrayValue::Interval(self.elements(bytes, |_, e| Ok(interval(e)?))?),
            Scalar::Json => ArrayValue::Json(self.elements(bytes, |to, e| to.text(wire::text(e)?))?),
            Scalar::Jsonb => ArrayValue::Json(self.elements(bytes, |to, e| to.text(wire::jsonb(e)?))?),
        })
    }

    fn elements<T>(
        &mut self,
        bytes: &[u8],
        read: impl Fn(&mut Self, &[u8]) -> Result<T, Stop>,
    ) -> Result<Vec<Option<T>>, Stop> {
        wire::array(bytes)?
            .map(|element| {
                self.spend(FIELD)?;
                element?.map(|element| read(self, element)).transpose()
            })
            .collect()
    }

    fn numeric(&mut self, bytes: &[u8]) -> Result<String, Stop> {
        let mut decimal = Vec::new();
        numeric::write(bytes, &mut decimal)?;
        self.spend(decimal.len())?;
        Ok(String::from_utf8(decimal).map_err(|_| Misfit::Malformed)?)
    }

    fn text(&mut self, text: &str) -> Result<String, Stop> {
        self.spend(text.len())?;
        Ok(text.to_owned())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Stop> {
        self.spend(bytes.len())?;
        Ok(bytes.to_owned())
    }

    fn uuid(&mut self, bytes: &[u8]) -> Result<String, Stop> {
        let uuid = wire::uuid(bytes)?;
        self.text(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }
}

fn timestamp(_: &mut Budget, bytes: &[u8]) -> Result<i64, Stop> {
    Ok(unix_microseconds(wire::int8(bytes)?)?)
}

fn interval(bytes: &[u8]) -> Result<Interval, Misfit> {
    let wire::Interval { months, days, microseconds } = wire::interval(bytes)?;
    Ok(Interval { months, days, microseconds })
}
