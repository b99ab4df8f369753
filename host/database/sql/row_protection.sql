-- The statements that bring the tables of a component to the wanted state, none if they have it. Runs after
-- row_faults.sql has found nothing. The host replaces the words in braces by literals.
WITH
the AS (
    SELECT n.oid AS schema, n.nspname AS name, o.oid AS owner, r.oid AS request, a.oid AS all_rows
    FROM pg_namespace AS n JOIN pg_roles AS o ON o.rolname = {owner_role} JOIN pg_roles AS r ON r.rolname = {request_role}
    LEFT JOIN pg_roles AS a ON a.rolname = {all_rows_role}
    WHERE n.nspname = {schema}
),
relations AS (
    SELECT c.*, format('%I.%I', the.name, c.relname) AS called, c.relname = 'berth_migrations' AS is_record,
        a.attnum AS owner_column, a.atttypid AS owner_type
    FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relkind IN ('r', 'p', 'v', 'S')
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = {owner_column} AND NOT a.attisdropped
        AND c.relkind IN ('r', 'p') AND c.relname <> 'berth_migrations'
),
owned AS (SELECT * FROM relations WHERE owner_column IS NOT NULL),
-- The policies as they are deparsed. PostgreSQL evaluates the subquery once for a statement, so an index serves.
wanted_policies AS (
    SELECT owned.oid AS relation, called, 'berth_caller' AS name, '{0}'::oid[] AS roles, 'PUBLIC' AS grantee,
        format('(%s = ( SELECT berth_session.caller() AS caller))', CASE owner_type WHEN 'varchar'::regtype
            THEN format('(%I)::text', {owner_column}) ELSE format('%I', {owner_column}) END) AS condition
    FROM owned
    UNION ALL
    -- A session that may become the owner: one of migrations. The owner's rights alone, as of a function, do not suffice.
    SELECT owned.oid, called, 'berth_owner', ARRAY[the.owner], format('%I', {owner_role}),
        format('pg_has_role(SESSION_USER, %L::name, ''MEMBER''::text)', {owner_role})
    FROM the, owned
    UNION ALL
    SELECT owned.oid, called, 'berth_all_rows', ARRAY[the.all_rows], format('%I', {all_rows_role}), 'true'
    FROM the, owned WHERE the.all_rows IS NOT NULL
),
policies AS (
    SELECT r.called, p.polrelid AS relation, p.polname AS name, w.condition IS NOT NULL
        AND p.polcmd = '*' AND p.polpermissive AND p.polroles = w.roles
        AND pg_get_expr(p.polqual, p.polrelid) = w.condition
        AND pg_get_expr(p.polwithcheck, p.polrelid) = w.condition AS is_wanted
    FROM pg_policy AS p JOIN relations AS r ON r.oid = p.polrelid
    LEFT JOIN wanted_policies AS w ON w.relation = p.polrelid AND w.name = p.polname
),
wanted_privileges AS (
    SELECT r.oid AS relation, grantee.role, privilege
    FROM the, relations AS r
    CROSS JOIN unnest(ARRAY[the.request, the.all_rows]) AS grantee (role)
    CROSS JOIN unnest(CASE r.relkind WHEN 'S' THEN ARRAY['USAGE'] ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) AS privilege
    WHERE grantee.role IS NOT NULL AND NOT r.is_record
),
privileges AS (
    SELECT r.oid AS relation, acl.grantee AS role, acl.privilege_type AS privilege, acl.is_grantable
    FROM relations AS r CROSS JOIN aclexplode(r.relacl) AS acl WHERE acl.grantee <> r.relowner
    UNION ALL
    SELECT r.oid, acl.grantee, format('column %s: %s', a.attname, acl.privilege_type), acl.is_grantable
    FROM relations AS r JOIN pg_attribute AS a ON a.attrelid = r.oid CROSS JOIN aclexplode(a.attacl) AS acl
    WHERE acl.grantee <> r.relowner
),
-- Relations on which a role has other privileges than wanted.
changed AS (
    SELECT relation, role, bool_or(is_extra) AS has_extra, bool_or(NOT is_extra) AS lacks
    FROM (
        SELECT p.relation, p.role, true AS is_extra FROM privileges AS p WHERE p.is_grantable OR NOT EXISTS (
            SELECT FROM wanted_privileges AS w WHERE (w.relation, w.role, w.privilege) = (p.relation, p.role, p.privilege))
        UNION ALL
        SELECT w.relation, w.role, false FROM wanted_privileges AS w WHERE NOT EXISTS (
            SELECT FROM privileges AS p WHERE (w.relation, w.role, w.privilege) = (p.relation, p.role, p.privilege))
    ) AS differences GROUP BY relation, role
),
statements AS (
    SELECT 1 AS step, format('REVOKE ALL ON %s %s FROM %s CASCADE', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, called,
        CASE c.role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(c.role)) END) AS statement
    FROM changed AS c JOIN relations AS r ON r.oid = c.relation WHERE c.has_extra
    UNION ALL
    SELECT 2, format(CASE relkind WHEN 'S' THEN 'GRANT USAGE ON SEQUENCE %s TO %I'
        ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO %I' END, called, pg_get_userbyid(c.role))
    FROM changed AS c JOIN relations AS r ON r.oid = c.relation
    WHERE EXISTS (SELECT FROM wanted_privileges AS w WHERE (w.relation, w.role) = (c.relation, c.role))
    UNION ALL
    SELECT 3, format('DROP POLICY %I ON %s', name, called) FROM policies WHERE NOT is_wanted
    UNION ALL
    SELECT 4, format('CREATE POLICY %I ON %s TO %s USING (%s) WITH CHECK (%s)', name, called, grantee, condition, condition)
    FROM wanted_policies AS w WHERE NOT EXISTS (
        SELECT FROM policies AS p WHERE (p.relation, p.name) = (w.relation, w.name) AND p.is_wanted)
    UNION ALL
    SELECT 5, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', called)
    FROM owned WHERE NOT (relrowsecurity AND relforcerowsecurity)
    UNION ALL
    SELECT 6, format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', called)
    FROM relations WHERE owner_column IS NULL AND (relrowsecurity OR relforcerowsecurity)
    UNION ALL
    SELECT 7, format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT berth_session.caller()', called, {owner_column})
    FROM owned LEFT JOIN pg_attrdef AS d ON d.adrelid = owned.oid AND d.adnum = owned.owner_column
    WHERE pg_get_expr(d.adbin, d.adrelid) IS DISTINCT FROM 'berth_session.caller()'
    UNION ALL
    -- Before PostgreSQL 15, a view has its owner's rights, with which the policies show the caller's rows as well.
    SELECT 8, format('ALTER VIEW %s SET (security_invoker = true)', called)
    FROM relations WHERE relkind = 'v' AND current_setting('server_version_num')::integer >= 150000
        AND NOT coalesce(reloptions, '{}') @> ARRAY['security_invoker=true']
)
SELECT statement FROM statements ORDER BY step, statement
