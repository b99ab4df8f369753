-- A draft belongs to the user in `user_id`: the manifest says so, by `rows`. The host makes the caller the default.
CREATE TABLE drafts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    text text NOT NULL,
    stars int CHECK (stars BETWEEN 1 AND 5),
    written_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX drafts_of_user ON drafts (user_id, id);
