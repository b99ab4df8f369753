-- The login role of each component. Several hosts on one database share them.
CREATE TABLE component_roles (
    component  text        PRIMARY KEY,
    role       text        NOT NULL,
    password   text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
