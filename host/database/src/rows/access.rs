//! The access to a component's schema whose rows have owners: which role requests have, which one migrations have, and
//! when the role of migrations is the owner.

use std::fmt;

use berth_postgres::{Connection, Target};

use super::catalogue::Subject;
use super::protection::{self, ProtectionError};
use super::roles::{RowRoles, set_membership};
use super::{ClaimKey, RowRules};
use crate::isolation::Role;
use crate::pool::{Pool, PoolError};
use crate::server::Server;
use crate::sql::{quote_identifier, quote_literal};

/// The roles of a component whose rows have owners, and the key of callers' claims.
#[derive(Clone)]
pub struct RowAccess {
    rules: RowRules,
    /// The key of callers' claims.
    pub key: ClaimKey,
    /// How to connect as the role that sees all rows, if the component is granted them.
    pub all_rows: Option<Server>,
    owner_role: String,
    request_role: String,
    migrations: Server,
    /// The host's connections.
    host: Pool,
}

impl RowAccess {
    pub(crate) fn new(
        rules: &RowRules,
        key: ClaimKey,
        host: &Pool,
        server: &Server,
        (owner, names): (&Role, &RowRoles),
    ) -> Self {
        let as_role = |name: &str| server.as_role(name, &owner.password);
        Self {
            rules: rules.clone(),
            key,
            all_rows: names.all_rows.as_deref().map(as_role),
            owner_role: owner.name.clone(),
            request_role: names.request.clone(),
            migrations: as_role(&names.migrations),
            host: host.clone(),
        }
    }

    /// How to connect for migrations.
    pub(crate) fn migrations_target(&self) -> Target {
        self.migrations.direct_target()
    }

    /// The command that makes the owner of the tables the session's current role, in a transaction.
    pub(crate) fn become_owner(&self) -> String {
        set_role(&self.owner_role)
    }

    /// The command that makes the role of requests the session's current role, in a transaction.
    pub(crate) fn become_request_role(&self) -> String {
        set_role(&self.request_role)
    }

    /// The command that makes the role that sees all rows the session's current role, in a transaction.
    pub(crate) fn become_all_rows_role(&self) -> Option<String> {
        self.all_rows_role().map(set_role)
    }

    fn all_rows_role(&self) -> Option<&str> {
        self.all_rows
            .as_ref()
            .map(|server| server.direct().get_username())
    }

    /// Lets the session of the migrations become the owner.
    pub(crate) async fn open_ownership(&self) -> Result<(), PoolError> {
        self.set_ownership(true).await
    }

    /// Lets no session become the owner any more.
    pub(crate) async fn close_ownership(&self) -> Result<(), PoolError> {
        self.set_ownership(false).await
    }

    async fn set_ownership(&self, is_member: bool) -> Result<(), PoolError> {
        let mut connection = self.host.acquire().await?;
        set_membership(
            &mut connection,
            &self.owner_role,
            self.migrations.direct().get_username(),
            is_member,
        )
        .await
        .map_err(PoolError::Away)
    }

    /// Protects the tables after the migrations, takes the owner's rights from their session, and leaves the session in
    /// the role of requests.
    pub(crate) async fn seal(
        &self,
        connection: &mut Connection,
        schema: &str,
    ) -> Result<(), ProtectionError> {
        connection.execute(&self.become_owner()).await?;
        let subject = Subject {
            rules: &self.rules,
            schema,
            owner_role: &self.owner_role,
            request_role: &self.request_role,
            all_rows_role: self.all_rows_role(),
        };
        protection::protect(connection, &subject).await?;
        self.close_ownership().await?;
        connection.execute("RESET ROLE").await?;
        if self.is_still_owner(connection).await? {
            return Err(ProtectionError::StillOwner);
        }
        connection.execute(&self.become_request_role()).await?;
        Ok(())
    }

    /// Whether the session can still become the owner. A session learns of a revocation when it locks a table that it
    /// has not locked before in its transaction, so the query reads tables that migrations have no reason to read.
    async fn is_still_owner(&self, connection: &mut Connection) -> Result<bool, ProtectionError> {
        let query = format!(
            "SELECT pg_catalog.pg_has_role(session_user, {}, 'MEMBER')::text FROM (SELECT
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_conversion),
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_ts_parser),
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_ts_template),
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata),
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_foreign_data_wrapper)) AS tables",
            quote_literal(&self.owner_role)
        );
        let mut rows = berth_postgres::TextRows::with_limit(64);
        connection.query(&query, &mut rows).await?;
        Ok(rows.rows.into_iter().flatten().flatten().next().as_deref() != Some("false"))
    }
}

/// The command that makes a role the session's current role, until the transaction ends.
fn set_role(role: &str) -> String {
    format!("SET LOCAL ROLE {}", quote_identifier(role))
}

impl fmt::Debug for RowAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the servers, because they contain the password.
        formatter
            .debug_struct("RowAccess")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
