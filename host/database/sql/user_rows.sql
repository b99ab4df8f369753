-- The caller of a statement, as the host has verified it. Policies on components' tables compare a row's owner with
-- berth_session.caller().
--
-- A claim is the text `LEASE|SUBJECT`, or `LEASE` for a request without a caller. The lease is random. The host sends it to
-- berth_session.enter() in the batch of a transaction's first statement. The procedure stores the claim in a setting, and
-- the claim's tag in the value that the session last set of a sequence. SQL can change the setting, but only a procedure
-- of the host's role can set the sequence. The tag of a number, such as the identifier of an account, is the number; the
-- tag of any other claim is negative, and has 63 bits of the claim's SHA-256, which caller() compares with the setting. A
-- session keeps its claim for the next request of the same caller. For another caller, the host enters another claim before
-- any statement.
--
-- Operators and functions are qualified, because the caller chooses the search path.

-- The key of HMAC-SHA256 (RFC 2104), combined with its two pads. Hosts insert the row; no other role can read it.
CREATE TABLE claim_key (
    is_only   boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    inner_key bytea   NOT NULL,
    outer_key bytea   NOT NULL
);

-- Its value is of no use; each session compares the value that it has set itself. The server does not log changes of an
-- unlogged sequence, which PostgreSQL 15 introduced.
DO $$
BEGIN
    EXECUTE pg_catalog.format('CREATE %s SEQUENCE IF NOT EXISTS berth_session.claims MINVALUE -9223372036854775808',
        CASE WHEN pg_catalog.current_setting('server_version_num')::integer >= 150000 THEN 'UNLOGGED' END);
END
$$;

-- Makes the subject of `claim` the caller. `mac` is the claim's HMAC. `is_leased` says that
-- the session was reset with the lease of the claim; without it, the session must not have cursors of another
-- transaction.
CREATE OR REPLACE PROCEDURE berth_session.enter(claim text, mac bytea, is_leased boolean)
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    inner_key pg_catalog.bytea;
    outer_key pg_catalog.bytea;
BEGIN
    SELECT k.inner_key, k.outer_key INTO inner_key, outer_key FROM berth.claim_key AS k;
    IF (pg_catalog.sha256(outer_key OPERATOR(pg_catalog.||) pg_catalog.sha256(inner_key OPERATOR(pg_catalog.||)
        pg_catalog.convert_to(claim, 'UTF8'))) OPERATOR(pg_catalog.=) mac) IS NOT TRUE THEN
        RAISE 'the claim of the caller is not the host''s' USING ERRCODE = 'BE001';
    END IF;
    IF is_leased THEN
        IF (pg_catalog.current_setting('berth.lease', true) OPERATOR(pg_catalog.=)
            pg_catalog.split_part(claim, '|', 1)) IS NOT TRUE THEN
            RAISE 'the session was not reset' USING ERRCODE = 'BE001';
        END IF;
    ELSIF EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable) THEN
        RAISE 'the session was not reset' USING ERRCODE = 'BE001';
    END IF;
    -- The values that the session has set for another caller.
    DISCARD SEQUENCES;
    -- As conditions, which the server evaluates without a query.
    IF pg_catalog.setval('berth_session.claims'::pg_catalog.regclass,
        CASE WHEN pg_catalog.substr(claim, 34) OPERATOR(pg_catalog.~) '^[1-9][0-9]{0,17}$'
        THEN pg_catalog.substr(claim, 34)::pg_catalog.int8
        ELSE ('x' OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
            claim, 'UTF8')), 'hex'), 16))::pg_catalog.bit(64)::pg_catalog.int8
            OPERATOR(pg_catalog.|) (-9223372036854775808)
        END) IS NULL
        OR pg_catalog.set_config('berth.claim',
            CASE WHEN pg_catalog.strpos(claim, '|') OPERATOR(pg_catalog.>) 0 THEN claim ELSE '' END, false) IS NULL THEN
        RAISE 'the claim cannot be stored' USING ERRCODE = 'BE001';
    END IF;
END
$$;

-- The subject of the caller; NULL without a claim, or if the claim is not the one that the host has entered. With the host's
-- rights, because a role that may read the sequence sees the last tag of all sessions. In PL/pgSQL, because planning is slower with a
-- function in SQL.
CREATE OR REPLACE FUNCTION berth_session.caller() RETURNS text
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER AS $$
BEGIN
    -- The value of the sequence is an error before the first claim of the session, so the claim comes first. A lease has 32
    -- characters.
    RETURN CASE WHEN pg_catalog.current_setting('berth.claim', true) OPERATOR(pg_catalog.<>) '' THEN
        CASE WHEN pg_catalog.currval('berth_session.claims'::pg_catalog.regclass) OPERATOR(pg_catalog.>) 0
        THEN pg_catalog.currval('berth_session.claims'::pg_catalog.regclass)::pg_catalog.text
        WHEN pg_catalog.currval('berth_session.claims'::pg_catalog.regclass) OPERATOR(pg_catalog.=)
            (('x' OPERATOR(pg_catalog.||) pg_catalog.left(pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
                pg_catalog.current_setting('berth.claim', true), 'UTF8')), 'hex'), 16))::pg_catalog.bit(64)::pg_catalog.int8
                OPERATOR(pg_catalog.|) (-9223372036854775808))
        THEN pg_catalog.substr(pg_catalog.current_setting('berth.claim', true), 34)
        END
    END;
END
$$;

-- As berth_session.reset(), for the next request. `state` is `|SUBJECT` for a session that has the claim of this subject and
-- keeps it, and the values of its sequences with it; or a lease, which is recorded, and proves to enter() that the reset
-- succeeded; or empty for a component whose rows have no owners.
CREATE OR REPLACE FUNCTION berth_session.reset(state text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    claim pg_catalog.text := pg_catalog.current_setting('berth.claim', true);
BEGIN
    IF pg_catalog.pg_advisory_unlock_all() IS NULL THEN NULL; END IF;
    RESET ALL;
    EXECUTE 'CLOSE ALL';
    UNLISTEN *;
    DISCARD TEMP;
    IF pg_catalog.left(state, 1) OPERATOR(pg_catalog.=) '|' THEN
        IF (pg_catalog.substr(claim, 33) OPERATOR(pg_catalog.=) state) IS NOT TRUE THEN
            RAISE 'the claim of the caller was changed' USING ERRCODE = 'BE001';
        ELSIF pg_catalog.set_config('berth.claim', claim, false) IS NULL THEN
            NULL;
        END IF;
    ELSE
        DISCARD SEQUENCES;
        -- Empty where rows have no owners: a change of a setting costs the server some microseconds.
        IF state OPERATOR(pg_catalog.<>) '' AND pg_catalog.set_config('berth.lease', state, false) IS NULL THEN
            NULL;
        END IF;
    END IF;
END
$$;
