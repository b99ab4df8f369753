//! Rows as values of serde's types.

use std::fmt;
use std::vec;

use serde::de::value::{SeqDeserializer, StrDeserializer, StringDeserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::{ArrayValue, Column, Error, Rows, Value};

/// All rows.
pub(super) fn read_all<T: DeserializeOwned>(rows: Rows) -> Result<Vec<T>, Error> {
    let width = rows.columns.len();
    let mut values = rows.values.into_iter();
    let mut read = Vec::with_capacity(values.len() / width.max(1));
    while values.len() >= width && width > 0 {
        read.push(read_row(&rows.columns, &mut values)?);
    }
    Ok(read)
}

/// The first row, if there is a row.
pub(super) fn read_first<T: DeserializeOwned>(rows: Rows) -> Result<Option<T>, Error> {
    let mut values = rows.values.into_iter();
    if values.len() == 0 {
        return Ok(None);
    }
    read_row(&rows.columns, &mut values).map(Some)
}

/// The failure of a statement that should have returned a row.
pub(super) fn no_row() -> Error {
    Error::Unsupported(
        "the statement returned no row: use fetch_optional where a row may be absent".to_owned(),
    )
}

fn read_row<T: DeserializeOwned>(columns: &[Column], values: &mut vec::IntoIter<Value>) -> Result<T, Error> {
    let row = Row {
        columns,
        values: values
            .by_ref()
            .take(columns.len())
            .collect::<Vec<_>>()
            .into_iter(),
    };
    T::deserialize(row)
        .map_err(|Mismatch(reason)| Error::Unsupported(format!("a row is not what was expected: {reason}")))
}

/// The reason why a row is not a value of the expected type.
#[derive(Debug)]
struct Mismatch(String);

impl Mismatch {
    fn at(self, column: &Column) -> Self {
        Self(format!(
            "column `{}` ({}): {}",
            column.name, column.type_name, self.0
        ))
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// The reasons name types and no values, because they are logged, and a value may be a secret.
impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!("{expected} was expected, and it is {}", kind(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self(format!(
            "{expected} was expected, and it is another value: {}",
            kind(&found)
        ))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(format!(
            "one of {} was expected, and it is another text",
            expected.join(", ")
        ))
    }
}

const fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "NULL",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "of another type",
    }
}

/// A row: a map by the names of its columns, a sequence by their order, or the value of its only column.
struct Row<'c> {
    columns: &'c [Column],
    values: vec::IntoIter<Value>,
}

impl Row<'_> {
    fn only(mut self) -> Result<Field, Mismatch> {
        match (self.columns, self.values.next()) {
            ([_], Some(value)) => Ok(Field(value)),
            (columns, _) => Err(Mismatch(format!(
                "the type has one value, and the statement {} columns",
                columns.len()
            ))),
        }
    }
}

/// Reads a type of a single value from the only column.
macro_rules! from_only_column {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            let columns = self.columns;
            self.only()?.$method(visitor).map_err(|reason| reason.at(&columns[0]))
        })*
    };
}

impl<'de> Deserializer<'de> for Row<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_map(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_seq(self)
    }

    /// The newtype of a single value, or of a whole row.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.columns {
            [column] => visitor
                .visit_newtype_struct(self.only()?)
                .map_err(|reason| reason.at(column)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let columns = self.columns;
        let field = self.only()?;
        field
            .deserialize_enum(name, variants, visitor)
            .map_err(|reason| reason.at(&columns[0]))
    }

    from_only_column! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit
    }

    forward_to_deserialize_any! { unit_struct map struct identifier ignored_any }
}

impl<'de> MapAccess<'de> for Row<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        let Some(column) = self.columns.first() else {
            return Ok(None);
        };
        let name: StrDeserializer<'_, Mismatch> = column.name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        self.next_element_seed(seed)?
            .ok_or_else(|| Mismatch("a row ends before its last column".to_owned()))
    }
}

impl<'de> SeqAccess<'de> for Row<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        let (Some((column, rest)), Some(value)) = (self.columns.split_first(), self.values.next()) else {
            return Ok(None);
        };
        self.columns = rest;
        seed.deserialize(Field(value))
            .map(Some)
            .map_err(|reason| reason.at(column))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.columns.len())
    }
}

/// One value of a row.
struct Field(Value);

impl<'de> Deserializer<'de> for Field {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Boolean(value) => visitor.visit_bool(value),
            Value::Int2(value) => visitor.visit_i16(value),
            Value::Int4(value) | Value::Date(value) => visitor.visit_i32(value),
            Value::Int8(value) | Value::Time(value) | Value::Timestamp(value) | Value::Timestamptz(value) => {
                visitor.visit_i64(value)
            }
            Value::Float4(value) => visitor.visit_f32(value),
            Value::Float8(value) => visitor.visit_f64(value),
            Value::Numeric(text) | Value::Text(text) | Value::Uuid(text) => visitor.visit_string(text),
            Value::Bytea(bytes) => visitor.visit_byte_buf(bytes),
            Value::Interval(interval) => {
                let parts = [
                    interval.months.into(),
                    interval.days.into(),
                    interval.microseconds,
                ];
                visitor.visit_seq(SeqDeserializer::new(parts.into_iter()))
            }
            Value::Json(text) => json(&text)?.deserialize_any(visitor).map_err(de::Error::custom),
            Value::Array(array) => visitor.visit_seq(SeqDeserializer::new(elements(array).into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            value => visitor.visit_some(Self(value)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Bytea(bytes) => visitor.visit_seq(SeqDeserializer::new(bytes.into_iter())),
            value => Self(value).deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self.0 {
            Value::Text(text) => {
                let text: StringDeserializer<Mismatch> = text.into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            Value::Json(text) => json(&text)?
                .deserialize_enum(name, variants, visitor)
                .map_err(de::Error::custom),
            value => Self(value).deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Mismatch> for Field {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn json(text: &str) -> Result<serde_json::Value, Mismatch> {
    serde_json::from_str(text).map_err(de::Error::custom)
}

/// The elements of an array, each as a value of its own.
fn elements(array: ArrayValue) -> Vec<Field> {
    fn each<T>(elements: Vec<Option<T>>, case: impl Fn(T) -> Value) -> Vec<Field> {
        let value = |element: Option<T>| Field(element.map_or(Value::Null, &case));
        elements.into_iter().map(value).collect()
    }
    match array {
        ArrayValue::Boolean(elements) => each(elements, Value::Boolean),
        ArrayValue::Int2(elements) => each(elements, Value::Int2),
        ArrayValue::Int4(elements) => each(elements, Value::Int4),
        ArrayValue::Int8(elements) => each(elements, Value::Int8),
        ArrayValue::Float4(elements) => each(elements, Value::Float4),
        ArrayValue::Float8(elements) => each(elements, Value::Float8),
        ArrayValue::Numeric(elements) => each(elements, Value::Numeric),
        ArrayValue::Text(elements) => each(elements, Value::Text),
        ArrayValue::Bytea(elements) => each(elements, Value::Bytea),
        ArrayValue::Uuid(elements) => each(elements, Value::Uuid),
        ArrayValue::Date(elements) => each(elements, Value::Date),
        ArrayValue::Time(elements) => each(elements, Value::Time),
        ArrayValue::Timestamp(elements) => each(elements, Value::Timestamp),
        ArrayValue::Timestamptz(elements) => each(elements, Value::Timestamptz),
        ArrayValue::Interval(elements) => each(elements, Value::Interval),
        ArrayValue::Json(elements) => each(elements, Value::Json),
    }
}

#[cfg(test)]
mod tests;
