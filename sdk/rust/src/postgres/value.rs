//! Rust values as parameters.

use berth_contract::Timestamp;

use super::{ArrayValue, Value};

/// Implements `From` for types with a case of their own.
macro_rules! cases {
    ($($type:ty => $case:ident),* $(,)?) => {
        $(impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$case(value)
            }
        })*
    };
}

/// Implements `From` for lists of such types.
macro_rules! lists {
    ($($type:ty => $case:ident),* $(,)?) => {
        $(impl From<Vec<$type>> for Value {
            fn from(values: Vec<$type>) -> Self {
                Self::Array(ArrayValue::$case(values.into_iter().map(Some).collect()))
            }
        })*
    };
}

cases! {
    bool => Boolean,
    i16 => Int2,
    i32 => Int4,
    i64 => Int8,
    f32 => Float4,
    f64 => Float8,
    String => Text,
    Vec<u8> => Bytea,
}

lists! {
    bool => Boolean,
    i16 => Int2,
    i32 => Int4,
    i64 => Int8,
    f32 => Float4,
    f64 => Float8,
    String => Text,
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Timestamptz(value.microseconds())
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::Json(value.to_string())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
