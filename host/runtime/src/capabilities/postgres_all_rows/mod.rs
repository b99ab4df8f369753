//! `berth:postgres-all-rows/client`: SQL with the rows of all users, by the sessions of another role.

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};

use self::all_rows::berth::postgres_all_rows::client;
use super::Scope;
use super::postgres::bindings::{self as postgres, JsonRows, Rows, Value};
use super::postgres::{Context as PostgresContext, Error, OpenTransaction, View};

mod all_rows {
    wasmtime::component::bindgen!({
        path: ["../../wit/deps/postgres", "../../wit/deps/postgres-all-rows"],
        inline: "package berth:host; world postgres-all-rows { import berth:postgres-all-rows/client@0.1.0; }",
        world: "berth:host/postgres-all-rows",
        imports: { default: async | trappable },
        with: { "berth:postgres/client": crate::capabilities::postgres::bindings },
        trappable_error_type: { "berth:postgres/client.error" => crate::capabilities::postgres::Error },
    });
}

/// One request's access to the rows of all users.
pub(crate) struct Context(PostgresContext);

impl Context {
    pub(crate) fn new(scope: &Scope<'_>) -> Self {
        Self(PostgresContext::with_pool(scope, scope.services.all_rows.clone()))
    }

    /// The receiver of the host functions. The table holds the open transactions.
    pub(crate) fn view<'a>(&'a mut self, table: &'a mut ResourceTable) -> View<'a> {
        self.0.view(table)
    }
}

impl client::Host for View<'_> {
    async fn query(&mut self, statement: String, params: Vec<Value>) -> Result<Rows, Error> {
        postgres::Host::query(self, statement, params).await
    }

    async fn query_json(&mut self, statement: String, params: Vec<Value>) -> Result<JsonRows, Error> {
        postgres::Host::query_json(self, statement, params).await
    }

    async fn execute(&mut self, statement: String, params: Vec<Value>) -> Result<u64, Error> {
        postgres::Host::execute(self, statement, params).await
    }

    async fn begin(&mut self) -> Result<Resource<OpenTransaction>, Error> {
        postgres::Host::begin(self).await
    }
}

/// Links the capability.
pub(crate) fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> View<'_>,
) -> wasmtime::Result<()> {
    client::add_to_linker::<T, HasView>(linker, view)
}

struct HasView;

impl HasData for HasView {
    type Data<'a> = View<'a>;
}
