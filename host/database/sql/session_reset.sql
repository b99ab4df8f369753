-- What components' sessions call. They can use this schema, and put nothing into it.
-- It may be left over: it is not in the schema that an operator drops to begin anew.
CREATE SCHEMA IF NOT EXISTS berth_session;
GRANT USAGE ON SCHEMA berth_session TO PUBLIC;

-- Has a session as it was when it was new, except for prepared statements. One call costs the server half of what the same
-- commands cost as text, and is answered by one packet.
CREATE OR REPLACE FUNCTION berth_session.reset() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- As a condition, since the server evaluates one without a query.
    IF pg_catalog.pg_advisory_unlock_all() IS NULL THEN NULL; END IF;
    RESET ALL;
    -- PL/pgSQL has a CLOSE of its own.
    EXECUTE 'CLOSE ALL';
    UNLISTEN *;
    DISCARD TEMP;
    DISCARD SEQUENCES;
END
$$;
