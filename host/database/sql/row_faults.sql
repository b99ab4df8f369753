-- Everything in a component's schema that would show one user's rows to another, each with its name and the remedy.
-- Runs after the migrations, in their transaction, as the owner. The host replaces the words in braces by literals.
WITH
the AS (
    SELECT n.oid AS schema, r.oid AS owner
    FROM pg_namespace AS n, pg_roles AS r WHERE n.nspname = {schema} AND r.rolname = {owner_role}
),
tables AS (
    SELECT c.oid, c.relname AS name, c.relname = ANY ({shared}::text[]) AS is_shared,
        a.attnum AS owner_column, a.atttypid AS owner_type, a.attgenerated <> '' AS is_generated
    FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relkind IN ('r', 'p')
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = {owner_column} AND NOT a.attisdropped
    WHERE c.relname <> 'berth_migrations'
),
foreign_keys AS (
    SELECT f.conname AS name, f.conrelid, child.name AS child, parent.name AS parent,
        child.owner_column IS NOT NULL AS child_is_owned, parent.owner_column IS NOT NULL AS parent_is_owned,
        'd' IN (f.confupdtype, f.confdeltype) AS sets_default,
        f.confupdtype IN ('c', 'n', 'd') OR f.confdeltype IN ('c', 'n', 'd') AS acts,
        EXISTS (
            SELECT FROM generate_subscripts(f.conkey, 1) AS i
            WHERE f.conkey[i] = child.owner_column AND f.confkey[i] = parent.owner_column
        ) AS keeps_owner
    FROM pg_constraint AS f JOIN tables AS child ON child.oid = f.conrelid
    LEFT JOIN tables AS parent ON parent.oid = f.confrelid
    WHERE f.contype = 'f'
),
-- Expressions that PostgreSQL evaluates with the owner's rights: for ANALYZE, and for the actions of foreign keys.
expressions AS (
    SELECT 'pg_class'::regclass AS class, c.oid,
        CASE c.relkind WHEN 'p' THEN 'the partition key of the table `' ELSE 'the index `' END || c.relname || '`' AS name
    FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relkind IN ('i', 'I', 'p')
    UNION ALL
    SELECT 'pg_constraint'::regclass, c.oid, 'the constraint `' || c.conname || '`'
    FROM the JOIN pg_constraint AS c ON c.connamespace = the.schema
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, 'the generated column `' || t.relname || '.' || a.attname || '`'
    FROM the JOIN pg_class AS t ON t.relnamespace = the.schema JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attgenerated <> ''
    JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 'the statistics object `' || s.stxname || '`'
    FROM the JOIN pg_statistic_ext AS s ON s.stxnamespace = the.schema
)
SELECT format('the table `%s` has no column `%s`: add the column, or name the table in `shared`', name, {owner_column})
FROM tables WHERE owner_column IS NULL AND NOT is_shared
UNION ALL
SELECT format('the shared table `%s` has the column `%s`: rename the column, or remove the table from `shared`', name, {owner_column})
FROM tables WHERE owner_column IS NOT NULL AND is_shared
UNION ALL
SELECT format('the column `%s.%s` is of type `%s`: make it `text`', name, {owner_column}, owner_type::regtype)
FROM tables WHERE owner_type NOT IN ('text'::regtype, 'varchar'::regtype)
UNION ALL
SELECT format('the column `%s.%s` is generated: make it an ordinary column', name, {owner_column}) FROM tables WHERE is_generated
UNION ALL
SELECT format('`%s` belongs to the role `%s` and not to the component', c.relname, pg_get_userbyid(c.relowner))
FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relowner <> the.owner
UNION ALL
SELECT format('`%s` is outside of the component''s schema: drop it', c.oid::regclass)
FROM the JOIN pg_class AS c ON c.relowner = the.owner AND c.relnamespace <> the.schema
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
UNION ALL
SELECT format('`%s` is a materialised view, which has the rows of all users: make it a view', c.relname)
FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relkind = 'm'
UNION ALL
SELECT format('`%s` is a foreign table, which can have no policy: drop it', c.relname)
FROM the JOIN pg_class AS c ON c.relnamespace = the.schema AND c.relkind = 'f'
UNION ALL
SELECT format('the function `%s` is SECURITY DEFINER, and runs with its owner''s rights: remove that', p.oid::regprocedure)
FROM the JOIN pg_proc AS p ON the.owner = p.proowner OR the.schema = p.pronamespace WHERE p.prosecdef
UNION ALL
SELECT format('the function `%s` has a SET clause: remove it', p.oid::regprocedure)
FROM the JOIN pg_proc AS p ON the.owner = p.proowner OR the.schema = p.pronamespace WHERE p.proconfig IS NOT NULL
UNION ALL
SELECT format('the rule `%s` on `%s` runs with its owner''s rights: make it a trigger', r.rulename, c.relname)
FROM the JOIN pg_class AS c ON c.relnamespace = the.schema JOIN pg_rewrite AS r ON r.ev_class = c.oid WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT format('the policy `%s` on `%s` is not the host''s: drop it', p.polname, c.relname)
FROM the JOIN pg_class AS c ON c.relnamespace = the.schema JOIN pg_policy AS p ON p.polrelid = c.oid
WHERE p.polname NOT IN ('berth_caller', 'berth_owner', 'berth_all_rows')
UNION ALL
SELECT format('default privileges are set for the role `%s`: remove them', {owner_role})
FROM the JOIN pg_default_acl AS d ON d.defaclrole = the.owner
UNION ALL
SELECT format('%s calls the component''s own function `%s`: use one of PostgreSQL''s', e.name, d.refobjid::regprocedure)
FROM the, expressions AS e JOIN pg_depend AS d ON d.classid = e.class AND d.objid = e.oid AND d.refclassid = 'pg_proc'::regclass
JOIN pg_proc AS p ON p.oid = d.refobjid WHERE p.proowner = the.owner
UNION ALL
SELECT format('%s uses the component''s own operator `%s`: use one of PostgreSQL''s', e.name, d.refobjid::regoperator)
FROM the, expressions AS e JOIN pg_depend AS d ON d.classid = e.class AND d.objid = e.oid AND d.refclassid = 'pg_operator'::regclass
JOIN pg_operator AS o ON o.oid = d.refobjid WHERE o.oprowner = the.owner
UNION ALL
SELECT format('the foreign key `%s` on `%s` refers to a table outside of the component''s schema: drop it', name, child)
FROM foreign_keys WHERE parent IS NULL
UNION ALL
SELECT format('the foreign key `%s` on `%s` lets a row refer to another user''s row of `%s`: add `%s` to both of its sides',
    name, child, parent, {owner_column})
FROM foreign_keys WHERE child_is_owned AND parent_is_owned AND NOT keeps_owner
UNION ALL
SELECT format('the foreign key `%s` lets the shared table `%s` refer to rows of `%s`, which belong to users: drop it', name, child, parent)
FROM foreign_keys WHERE NOT child_is_owned AND parent_is_owned
UNION ALL
SELECT format('the foreign key `%s` on `%s` changes rows of users when the shared table `%s` changes: use NO ACTION', name, child, parent)
FROM foreign_keys WHERE child_is_owned AND NOT parent_is_owned AND acts
UNION ALL
SELECT format('the foreign key `%s` on `%s` has SET DEFAULT, which computes the default with the owner''s rights: use another action', name, child)
FROM foreign_keys WHERE sets_default
UNION ALL
SELECT format('the trigger `%s` on `%s` would run with the owner''s rights when the foreign key `%s` acts: drop the trigger, or use NO ACTION',
    t.tgname, f.child, f.name)
FROM foreign_keys AS f JOIN pg_trigger AS t ON t.tgrelid = f.conrelid AND NOT t.tgisinternal WHERE f.acts
UNION ALL
SELECT format('the constraint `%s` on `%s` calls `%s`, which is not immutable and would run with the owner''s rights when the '
    'foreign key `%s` acts: drop the constraint, or use NO ACTION', c.conname, f.child, p.oid::regprocedure, f.name)
FROM foreign_keys AS f JOIN pg_constraint AS c ON c.conrelid = f.conrelid AND c.contype = 'c'
CROSS JOIN regexp_matches(c.conbin::text, ':(?:funcid|opfuncid) (\d+)', 'g') AS called
JOIN pg_proc AS p ON p.oid = called[1]::oid AND p.provolatile <> 'i' WHERE f.acts
ORDER BY 1
