CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, owner text NOT NULL, text text NOT NULL, tags text[]);
