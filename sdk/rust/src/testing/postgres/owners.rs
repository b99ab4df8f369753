//! Rows that belong to users, in a test's database. A host keeps them from hostile SQL; a test only has to show the same
//! rows, so a plain setting says who the caller is.

use ::postgres::Client;

use super::super::host::Host;
use super::{Access, Error, database, failed};

/// The role of statements that see the rows of the caller: row-level security does not hold for a superuser or an owner.
const ROLE: &str = "berth_test_request";

/// Undoes [`enter`].
pub(super) const LEAVE: &str = "RESET ROLE; RESET berth.caller";

/// Policies, privileges and defaults, as a host has them. The column is in the setting `berth.owner`.
const SET_UP: &str = "
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'berth_test_request') THEN
            CREATE ROLE berth_test_request;
        END IF;
    END $$;
    CREATE SCHEMA IF NOT EXISTS berth_session;
    GRANT USAGE ON SCHEMA berth_session, public TO berth_test_request;
    CREATE OR REPLACE FUNCTION berth_session.caller() RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('berth.caller', true), '') $$;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO berth_test_request;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO berth_test_request;
    DO $$
    DECLARE
        owner text := current_setting('berth.owner');
        owned regclass[] := ARRAY(
            SELECT attrelid FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND attname = owner AND NOT attisdropped);
        name regclass;
    BEGIN
        IF owned = '{}' THEN
            RAISE 'no table has the column `%`', owner;
        END IF;
        FOREACH name IN ARRAY owned LOOP
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name);
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT berth_session.caller()', name, owner);
            EXECUTE format('DROP POLICY IF EXISTS berth_caller ON %s', name);
            EXECUTE format('CREATE POLICY berth_caller ON %s USING (%I = (SELECT berth_session.caller()))', name, owner);
        END LOOP;
        IF current_setting('server_version_num')::integer >= 150000 THEN
            FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'v' LOOP
                EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', name);
            END LOOP;
        END IF;
    END $$";

/// Lets a row belong to the caller whose subject is in the column `owner`, in every table with this column.
pub(in crate::testing) fn set_up(owner: &str) -> Result<(), Error> {
    database()?.with_client(Access::AllRows, |client| {
        client
            .execute("SELECT set_config('berth.owner', $1, false)", &[&owner])
            .and_then(|_| client.batch_execute(SET_UP))
            .map_err(|error| failed(&error))
    })
}

/// Shows the following statements the rows of the caller of `host`. Returns whether rows have owners there.
pub(super) fn enter(client: &mut Client, host: &Host) -> Result<bool, Error> {
    if !host.has_row_owners {
        return Ok(false);
    }
    let caller = host.caller.as_ref().map_or("", |caller| &*caller.subject);
    client
        .execute(
            "SELECT set_config('berth.caller', $1, false), set_config('role', $2, false)",
            &[&caller, &ROLE],
        )
        .map_err(|error| failed(&error))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use crate::postgres::{self, Error, Statement, all_rows};
    use crate::testing::{Database, Host};

    fn count(statement: &Statement) -> i64 {
        statement.fetch_one().unwrap_or(-1)
    }

    #[test]
    fn a_caller_sees_its_rows_and_all_rows_are_seen_by_name() {
        let host = Host::new()
            .with_database(&Database::temporary())
            .migrated(crate::migrations!("$CARGO_MANIFEST_DIR/tests/migrations"))
            .with_row_owner("owner");
        let (ann, bob) = (host.clone().with_user("ann"), host.clone().with_user("bob"));
        let insert = Statement::new("INSERT INTO notes (text) VALUES ('Hi')");
        let select = Statement::new("SELECT count(*) FROM notes");
        for user in [&ann, &ann, &bob] {
            assert!(matches!(user.run(|| insert.execute()), Ok(1)));
        }
        assert_eq!(ann.run(|| count(&select)), 2);
        assert_eq!(bob.run(|| count(&select)), 1);
        assert_eq!(host.run(|| count(&select)), 0);

        let forged = Statement::new("INSERT INTO notes (owner, text) VALUES ('ann', 'forged')");
        let refused = bob.run(|| forged.execute());
        assert!(matches!(refused, Err(Error::Database(refusal)) if refusal.sqlstate == "42501"));
        let deleted = bob.run(|| {
            postgres::transaction(|transaction| transaction.execute(&Statement::new("DELETE FROM notes")))
        });
        assert!(matches!(deleted, Ok(1)));

        let counted = bob.run(|| all_rows::fetch_one::<i64>(&select));
        assert!(matches!(counted, Ok(2)));
        let given = bob.run(|| {
            all_rows::transaction(|transaction| {
                transaction.execute(&Statement::new("UPDATE notes SET owner = ").value("bob"))
            })
        });
        assert!(matches!(given, Ok(2)));
        assert_eq!((ann.run(|| count(&select)), bob.run(|| count(&select))), (0, 2));
    }
}
