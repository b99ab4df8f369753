//! The types of a database besides PostgreSQL's own: its enums, domains and arrays of them, read from the catalog.

use std::future::Future;
use std::pin::Pin;

use postgres_types::{Kind, Oid, Type};

use crate::connection::Connection;
use crate::error::Error;
use crate::rows::TextRows;

/// The maximum nesting of types: a domain over a domain over an array, and so on.
const MAX_DEPTH: u32 = 16;

/// Bytes of a row of the catalog: names have at most 63.
const MAX_ROW_BYTES: usize = 1024;

/// The type with the identifier `oid`.
pub(crate) fn resolve(
    connection: &mut Connection,
    oid: Oid,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Result<Type, Error>> + Send + '_>> {
    Box::pin(async move {
        if let Some(known) = Type::from_oid(oid).or_else(|| connection.types.get(&oid).cloned()) {
            return Ok(known);
        }
        let row = look_up(connection, oid).await?;
        let kind = match (&*row.kind, depth) {
            (_, MAX_DEPTH..) => Kind::Pseudo,
            ("e", _) => Kind::Enum(Vec::new()),
            ("d", _) => Kind::Domain(resolve(connection, row.base, depth + 1).await?),
            ("c", _) => Kind::Composite(Vec::new()),
            ("r" | "m", _) => Kind::Range(Type::UNKNOWN),
            ("b", _) if row.element != 0 => Kind::Array(resolve(connection, row.element, depth + 1).await?),
            _ => Kind::Simple,
        };
        let found = Type::new(row.name, oid, kind, row.schema);
        connection.types.insert(oid, found.clone());
        Ok(found)
    })
}

/// A row of the catalog.
struct CatalogRow {
    /// As PostgreSQL shows it: with its schema where that is not searched, and in quotes where these are needed.
    name: String,
    schema: String,
    /// The kind of the type, a letter.
    kind: String,
    /// The type that a domain is made of.
    base: Oid,
    /// The type of an array's elements, else 0.
    element: Oid,
}

async fn look_up(connection: &mut Connection, oid: Oid) -> Result<CatalogRow, Error> {
    let select = format!(
        "SELECT pg_catalog.format_type(t.oid, NULL), n.nspname, t.typtype, t.typbasetype, \
         CASE WHEN t.typlen = -1 AND t.typcategory = 'A' THEN t.typelem ELSE 0 END \
         FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = {oid}"
    );
    let mut found = TextRows::with_limit(MAX_ROW_BYTES);
    connection.query(&select, &mut found).await?;
    let mut row = found.rows.into_iter().next().unwrap_or_default().into_iter();
    let mut text = || row.next().flatten().unwrap_or_default();
    Ok(CatalogRow {
        name: text(),
        schema: text(),
        kind: text(),
        base: text().parse().unwrap_or_default(),
        element: text().parse().unwrap_or_default(),
    })
}
