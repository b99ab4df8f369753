-- What only one host at a time may do: the host that has locked the row does it. Advisory locks would not do, since every
-- role of the database can take them.
CREATE TABLE locks (name text PRIMARY KEY);

INSERT INTO locks (name) VALUES ('components'), ('swap');
