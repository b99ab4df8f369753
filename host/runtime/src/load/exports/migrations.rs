//! `berth:migrations/migrations`, an export of components: the migrations of their tables.

use berth_database::Migration;

use self::bindings::MigrationsPre;
use crate::run::version::Version;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/deps/migrations",
        inline: "package berth:host; world migrations { export berth:migrations/migrations@0.1.0; }",
        world: "berth:host/migrations",
        exports: { default: async },
    });
}

/// The export's name in reports.
pub(crate) const EXPORT: &str = "berth:migrations/migrations@0.1.0";

/// Whether the component exports migrations.
pub(crate) fn is_exported(version: &Version) -> bool {
    version.exports(EXPORT)
}

/// Reads the component's migrations. A component without the export has no migrations.
pub(crate) async fn list(version: &Version) -> Result<Vec<Migration>, String> {
    if !is_exported(version) {
        return Ok(Vec::new());
    }
    let call = version.ask(async |mut store| {
        let pre = MigrationsPre::new(version.pre.instance_pre().clone())?;
        let instance = pre.instantiate_async(&mut store).await?;
        instance.berth_migrations_migrations().call_list(&mut store).await
    });
    let list = call.await?;
    let migration = |one: bindings::exports::berth::migrations::migrations::Migration| Migration {
        version: one.version,
        name: one.name,
        sql: one.sql,
        compatible: one.compatible,
    };
    Ok(list.into_iter().map(migration).collect())
}
