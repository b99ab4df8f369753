-- The reports of the last swaps of each component, of all hosts.
CREATE TABLE swap_reports (
    id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    component  text        NOT NULL,
    host       text        NOT NULL,
    ended_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- As the admin API sends it.
    report     jsonb       NOT NULL
);

CREATE INDEX swap_reports_component_key ON swap_reports (component, id DESC);
