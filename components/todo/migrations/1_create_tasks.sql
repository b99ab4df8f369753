CREATE TABLE tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    title text NOT NULL,
    description text,
    completed boolean NOT NULL,
    priority text NOT NULL,
    category text,
    tags text[] NOT NULL,
    due_date timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The one order that everybody asks for. The other orders and every filter work on what this finds: the tasks of
-- one user, which are few. More indexes would cost each change more than they save.
CREATE INDEX tasks_of_user_by_age ON tasks (user_id, created_at, id);
