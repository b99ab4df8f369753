//! A result as typed values.

use std::borrow::Cow;

use berth_database::Collect;
use berth_postgres as postgres;
use uuid::Uuid;

use super::bindings::{ArrayValue, Column, Interval, Rows, Value};
use super::field::{Stop, kind_of};
use super::kind::{Kind, Scalar, type_name};
use super::wire::{self, ValueError, unix_days, unix_microseconds};
use super::{Caps, Error, FIELD, numeric};

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
            rows: Rows {
                columns: Vec::new(),
                values: Vec::new(),
            },
            rows_left: caps.rows,
            budget: Budget {
                left: caps.bytes,
                whole: caps.bytes,
            },
            caps,
        }
    }

    pub(crate) fn finish(self) -> Rows {
        self.rows
    }
}

impl Collect for TypedRows {
    fn begin(&mut self, columns: &[postgres::Column]) -> Result<(), Error> {
        *self = Self::new(self.caps);
        for (index, column) in columns.iter().enumerate() {
            self.kinds.push(kind_of(index, column)?);
            self.rows.columns.push(Column {
                name: column.name.clone(),
                type_name: type_name(&column.ty),
            });
        }
        Ok(())
    }
}

impl postgres::Rows for TypedRows {
    type Error = Error;

    fn row(&mut self) -> Result<(), Error> {
        self.rows_left = self
            .rows_left
            .checked_sub(1)
            .ok_or(Error::TooManyRows(self.caps.rows))?;
        Ok(())
    }

    fn admit(&mut self, _: usize, length: usize) -> Result<(), Error> {
        if length as u64 > self.budget.left {
            Err(Error::TooManyBytes(self.budget.whole))
        } else {
            Ok(())
        }
    }

    fn field(&mut self, index: usize, field: Option<Cow<'_, [u8]>>) -> Result<(), Error> {
        let kind = self.kinds.get(index).copied().unwrap_or(Kind::Void);
        let value = self.budget.value(kind, field);
        let name = self.rows.columns.get(index).map_or("?", |column| &column.name);
        self.rows.values.push(value.map_err(|stop| stop.at(index, name))?);
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
        self.left = self
            .left
            .checked_sub(bytes as u64)
            .ok_or(Stop::TooManyBytes(self.whole))?;
        Ok(())
    }

    fn value(&mut self, kind: Kind, field: Option<Cow<'_, [u8]>>) -> Result<Value, Stop> {
        self.spend(FIELD)?;
        match (kind, field) {
            (Kind::Void, _) | (_, None) => Ok(Value::Null),
            // A long one comes in a buffer of its own, which becomes the value.
            (Kind::Scalar(Scalar::Text), Some(Cow::Owned(bytes))) => self.owned_text(bytes).map(Value::Text),
            (Kind::Scalar(Scalar::Json), Some(Cow::Owned(bytes))) => self.owned_text(bytes).map(Value::Json),
            (Kind::Scalar(Scalar::Bytea), Some(Cow::Owned(bytes))) => {
                self.spend(bytes.len())?;
                Ok(Value::Bytea(bytes))
            }
            (Kind::Scalar(scalar), Some(bytes)) => self.scalar(scalar, &bytes),
            (Kind::Array(scalar), Some(bytes)) => self.array(scalar, &bytes).map(Value::Array),
        }
    }

    fn owned_text(&mut self, bytes: Vec<u8>) -> Result<String, Stop> {
        self.spend(bytes.len())?;
        Ok(String::from_utf8(bytes).map_err(|_| ValueError::NotUtf8)?)
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
        Ok(String::from_utf8(decimal).map_err(|_| ValueError::Malformed)?)
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

fn interval(bytes: &[u8]) -> Result<Interval, ValueError> {
    let wire::Interval {
        months,
        days,
        microseconds,
    } = wire::interval(bytes)?;
    Ok(Interval {
        months,
        days,
        microseconds,
    })
}
