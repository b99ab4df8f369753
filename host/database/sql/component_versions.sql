-- What each component has been, is and was refused to be. Numbers are a component's own; the same bytes keep theirs.
CREATE TABLE component_versions (
    component  text        NOT NULL,
    number     integer     NOT NULL CHECK (number > 0),
    digest     text        NOT NULL,
    size       bigint      NOT NULL,
    -- Of those that went live, the last few have their bytes.
    bytes      bytea,
    state      text        NOT NULL CHECK (state IN ('staged', 'live', 'retired', 'refused')),
    origin     text        NOT NULL CHECK (origin IN ('manifest', 'push')),
    brought_by text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    live_at    timestamptz,
    reason     text,
    PRIMARY KEY (component, number),
    UNIQUE (component, digest)
);

CREATE UNIQUE INDEX component_versions_live_key ON component_versions (component) WHERE state = 'live';

-- WebAssembly is read far more often than it would have to be short.
ALTER TABLE component_versions ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- What each host makes of it. A row that is not renewed in time is of a host that is gone.
CREATE TABLE component_replicas (
    host       text        NOT NULL,
    component  text        NOT NULL,
    number     integer,
    state      text        NOT NULL CHECK (state IN ('live', 'compiling', 'behind')),
    detail     text,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (host, component)
);
