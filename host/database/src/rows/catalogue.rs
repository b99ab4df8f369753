//! Questions to the catalogue about a component's schema. The texts are in `sql/`; they look at what the migrations
//! have made, and never read the migrations.

use berth_postgres::{Connection, Error, TextRows};

use super::RowRules;
use crate::sql::quote_literal;

/// Everything that would show one user's rows to another.
const FAULTS: &str = include_str!("../../sql/row_faults.sql");

/// The statements that bring the tables to the wanted state.
const PROTECTION: &str = include_str!("../../sql/row_protection.sql");

/// Size limit of an answer, in bytes: some ten thousand tables.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The schema that is asked about.
pub(crate) struct Subject<'a> {
    pub(crate) rules: &'a RowRules,
    pub(crate) schema: &'a str,
    pub(crate) owner_role: &'a str,
    pub(crate) request_role: &'a str,
    /// The role that sees all rows, if the component is granted one.
    pub(crate) all_rows_role: Option<&'a str>,
}

impl Subject<'_> {
    /// The faults of the tables, in plain words. None if the rows can be kept to their users.
    pub(crate) async fn faults(&self, connection: &mut Connection) -> Result<Vec<String>, Error> {
        texts(connection, &self.fill(FAULTS)).await
    }

    /// The statements that the tables lack.
    pub(crate) async fn missing_statements(&self, connection: &mut Connection) -> Result<Vec<String>, Error> {
        texts(connection, &self.fill(PROTECTION)).await
    }

    fn fill(&self, query: &str) -> String {
        let shared: Vec<String> = self
            .rules
            .shared
            .iter()
            .map(|table| quote_literal(table))
            .collect();
        let all_rows = self
            .all_rows_role
            .map_or_else(|| "NULL::name".to_owned(), |role| quote_literal(role) + "::name");
        // The words stand for literals, none of which contains another word: names of schemas and roles have no braces,
        // and the manifest refuses braces in the names of tables and columns.
        [
            ("{schema}", quote_literal(self.schema)),
            ("{owner_role}", quote_literal(self.owner_role)),
            ("{request_role}", quote_literal(self.request_role)),
            ("{all_rows_role}", all_rows),
            ("{owner_column}", quote_literal(&self.rules.owner)),
            ("{shared}", format!("ARRAY[{}]", shared.join(", "))),
        ]
        .iter()
        .fold(query.to_owned(), |text, (word, literal)| {
            text.replace(word, literal)
        })
    }
}

/// The first column of a result.
async fn texts(connection: &mut Connection, query: &str) -> Result<Vec<String>, Error> {
    let mut rows = TextRows::with_limit(MAX_ANSWER_BYTES);
    connection.query(query, &mut rows).await?;
    let first = rows.rows.into_iter().map(|row| row.into_iter().flatten().next());
    Ok(first.flatten().collect())
}
