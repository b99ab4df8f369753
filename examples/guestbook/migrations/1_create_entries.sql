CREATE TABLE entries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    author text NOT NULL,
    text text NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);
