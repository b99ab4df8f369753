//! A result as JSON, written straight from PostgreSQL's binary format into one buffer.

use std::borrow::Cow;
use std::ops::Range;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use berth_database::Collect;
use berth_postgres::{Column, Rows};
use serde::Serialize;
use uuid::Uuid;

use super::bindings::JsonRows as Encoded;
use super::field::{Stop, kind_of};
use super::kind::{Kind, Scalar};
use super::wire::{self, ValueError};
use super::{Caps, Error, calendar, numeric};

/// Bytes that a body starts with room for: a few rows.
const FIRST_ALLOCATION: usize = 1024;

/// Bytes from which on a body has room for as many as it may have.
const LARGE_BYTES: u64 = 256 * 1024;

/// Collects `json-rows`.
pub(crate) struct JsonRows {
    columns: Vec<JsonColumn>,
    /// The JSON before each field of a row, one after the other.
    leads: Vec<u8>,
    body: Body,
    count: u32,
    caps: Caps,
}

/// A column, ready to be written.
struct JsonColumn {
    name: String,
    kind: Kind,
    /// Everything up to the field's value: `{"id":` for the first column, `,"title":` for another.
    lead: Range<usize>,
}

impl JsonRows {
    pub(crate) fn new(caps: Caps) -> Self {
        let body = Body {
            bytes: Vec::new(),
            limit: caps.bytes,
            beside: 0,
        };
        Self {
            columns: Vec::new(),
            leads: Vec::new(),
            body,
            count: 0,
            caps,
        }
    }

    pub(crate) fn finish(mut self) -> Encoded {
        self.body.bytes.push(b']');
        Encoded {
            body: self.body.bytes,
            count: self.count,
        }
    }
}

impl Collect for JsonRows {
    fn begin(&mut self, columns: &[Column]) -> Result<(), Error> {
        *self = Self::new(self.caps);
        self.body.bytes.reserve(FIRST_ALLOCATION);
        self.body.bytes.push(b'[');
        for (index, column) in columns.iter().enumerate() {
            let start = self.leads.len();
            self.leads.push(if index == 0 { b'{' } else { b',' });
            // Neither a text nor a buffer can fail.
            let _ = serde_json::to_writer(&mut self.leads, &column.name);
            self.leads.push(b':');
            let (name, kind) = (column.name.clone(), kind_of(index, column)?);
            self.columns.push(JsonColumn {
                name,
                kind,
                lead: start..self.leads.len(),
            });
        }
        Ok(())
    }
}

impl Rows for JsonRows {
    type Error = Error;

    fn row(&mut self) -> Result<(), Error> {
        if self.count == self.caps.rows {
            return Err(Error::TooManyRows(self.caps.rows));
        }
        if self.count > 0 {
            self.body.bytes.push(b',');
        }
        Ok(())
    }

    fn admit(&mut self, index: usize, length: usize) -> Result<(), Error> {
        use Scalar::{Bytea, Json, Jsonb, Text};
        let kind = self.columns.get(index).map(|column| column.kind);
        // JSON has at least a byte for each of these, and may have fewer for a number.
        let written = if matches!(kind, Some(Kind::Scalar(Text | Bytea | Json | Jsonb))) {
            self.body.bytes.len()
        } else {
            0
        };
        let length = (written + length) as u64;
        if length > self.caps.bytes {
            Err(Error::TooManyBytes(self.caps.bytes))
        } else {
            Ok(())
        }
    }

    fn field(&mut self, index: usize, field: Option<Cow<'_, [u8]>>) -> Result<(), Error> {
        let Some(column) = self.columns.get(index) else {
            return Ok(());
        };
        self.body.beside = match &field {
            Some(Cow::Owned(long)) => long.len() as u64,
            _ => 0,
        };
        self.body.make_room();
        self.body
            .bytes
            .extend_from_slice(&self.leads[column.lead.clone()]);
        self.body
            .field(column.kind, field.as_deref())
            .map_err(|stop| stop.at(index, &column.name))
    }

    fn row_end(&mut self) -> Result<(), Error> {
        self.body
            .bytes
            .extend_from_slice(if self.columns.is_empty() { b"{}" } else { b"}" });
        self.count += 1;
        self.body.beside = 0;
        if self.body.is_too_long() {
            return Err(Error::TooManyBytes(self.caps.bytes));
        }
        Ok(())
    }
}

/// The JSON written so far.
struct Body {
    bytes: Vec<u8>,
    limit: u64,
    /// Bytes of a long field that are held while its JSON is written. They count.
    beside: u64,
}

impl Body {
    /// Whether the result is too long, with the bracket that ends it.
    fn is_too_long(&self) -> bool {
        self.bytes.len() as u64 + self.beside + 1 > self.limit
    }

    /// Asks once for all that the JSON may become, when it grows large: to double the buffer would be to have it twice.
    /// Room that is never written to is no memory.
    fn make_room(&mut self) {
        let length = self.bytes.len() as u64;
        if length + self.beside >= LARGE_BYTES {
            let room = usize::try_from(self.limit.saturating_sub(length));
            self.bytes.reserve_exact(room.unwrap_or_default());
        }
    }

    fn field(&mut self, kind: Kind, field: Option<&[u8]>) -> Result<(), Stop> {
        match (kind, field) {
            (Kind::Void, _) | (_, None) => self.bytes.extend_from_slice(b"null"),
            (Kind::Scalar(scalar), Some(bytes)) => self.scalar(scalar, bytes)?,
            (Kind::Array(scalar), Some(bytes)) => self.array(scalar, bytes)?,
        }
        // Checked at each element of an array as well: a few bytes of `numeric` can become many digits.
        if self.is_too_long() {
            Err(Stop::TooManyBytes(self.limit))
        } else {
            Ok(())
        }
    }

    fn array(&mut self, scalar: Scalar, bytes: &[u8]) -> Result<(), Stop> {
        self.bytes.push(b'[');
        for (index, element) in wire::array(bytes)?.enumerate() {
            if index > 0 {
                self.bytes.push(b',');
            }
            self.field(Kind::Scalar(scalar), element?)?;
        }
        self.bytes.push(b']');
        Ok(())
    }

    fn scalar(&mut self, scalar: Scalar, bytes: &[u8]) -> Result<(), ValueError> {
        match scalar {
            Scalar::Boolean => self.json(&wire::boolean(bytes)?)?,
            Scalar::Int2 => self.json(&wire::int2(bytes)?)?,
            Scalar::Int4 => self.json(&wire::int4(bytes)?)?,
            Scalar::Int8 => self.json(&wire::int8(bytes)?)?,
            Scalar::Float4 => self.json(&wire::float4(bytes)?)?,
            Scalar::Float8 => self.json(&wire::float8(bytes)?)?,
            Scalar::Text => self.json(wire::text(bytes)?)?,
            Scalar::Numeric => numeric::write(bytes, &mut self.bytes)?,
            Scalar::Json => self.bytes.extend_from_slice(wire::text(bytes)?.as_bytes()),
            Scalar::Jsonb => self.bytes.extend_from_slice(wire::jsonb(bytes)?.as_bytes()),
            Scalar::Bytea => self.quoted(bytes, write_base64),
            Scalar::Uuid => self.quoted(wire::uuid(bytes)?, write_uuid),
            Scalar::Date => self.quoted(wire::int4(bytes)?, calendar::write_date),
            Scalar::Time => self.quoted(wire::int8(bytes)?, calendar::write_time),
            Scalar::Timestamp => self.quoted(wire::int8(bytes)?, calendar::write_timestamp),
            Scalar::Timestamptz => self.quoted(wire::int8(bytes)?, calendar::write_timestamptz),
            Scalar::Interval => self.quoted(wire::interval(bytes)?, calendar::write_interval),
        }
        Ok(())
    }

    fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        serde_json::to_writer(&mut self.bytes, value).map_err(|_| ValueError::Malformed)
    }

    /// Writes a value whose text has nothing to escape.
    fn quoted<T>(&mut self, value: T, write: impl Fn(T, &mut Vec<u8>)) {
        self.bytes.push(b'"');
        write(value, &mut self.bytes);
        self.bytes.push(b'"');
    }
}

fn write_base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
}

fn write_uuid(uuid: Uuid, out: &mut Vec<u8>) {
    out.extend_from_slice(
        uuid.hyphenated()
            .encode_lower(&mut Uuid::encode_buffer())
            .as_bytes(),
    );
}
