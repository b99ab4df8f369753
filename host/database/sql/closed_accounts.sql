-- Accounts whose tokens are good no longer: disabled, or deleted. The numbers of accounts are never used twice. A number
-- that was never an account's may be another issuer's user, and is not in here.
CREATE TABLE closed_accounts (
    id         bigint      PRIMARY KEY,
    -- False once the account is open again: hosts that know it as closed must hear of that, too.
    is_closed  boolean     NOT NULL DEFAULT true,
    changed_at timestamptz NOT NULL DEFAULT now(),
    -- The transaction, so that a host reads only what it has not seen yet.
    changed_in bigint      NOT NULL DEFAULT txid_current()
);

CREATE INDEX closed_accounts_changed_in_key ON closed_accounts (changed_in);

INSERT INTO closed_accounts (id) SELECT id FROM accounts WHERE NOT is_active;

-- Where each account has logged in from: an IPv4 address, or an IPv6 network of 64 bits.
CREATE TABLE login_addresses (
    account_id    bigint      NOT NULL,
    client        inet        NOT NULL,
    last_login_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account_id, client)
);

-- Operators change accounts with SQL, under whatever role they have.
CREATE FUNCTION note_closed_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = berth, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO closed_accounts (id) SELECT id FROM accounts
        ON CONFLICT (id) DO UPDATE SET is_closed = true, changed_at = now(), changed_in = txid_current();
        DELETE FROM login_addresses;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO closed_accounts (id) VALUES (OLD.id)
        ON CONFLICT (id) DO UPDATE SET is_closed = true, changed_at = now(), changed_in = txid_current();
        DELETE FROM login_addresses WHERE account_id = OLD.id;
    ELSIF NEW.is_active THEN
        UPDATE closed_accounts SET is_closed = false, changed_at = now(), changed_in = txid_current()
        WHERE id = NEW.id AND is_closed;
    ELSE
        INSERT INTO closed_accounts (id) VALUES (NEW.id)
        ON CONFLICT (id) DO UPDATE SET is_closed = true, changed_at = now(), changed_in = txid_current();
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER accounts_closed AFTER INSERT OR DELETE OR UPDATE OF is_active ON accounts
FOR EACH ROW EXECUTE FUNCTION note_closed_account();

CREATE TRIGGER accounts_truncated BEFORE TRUNCATE ON accounts
FOR EACH STATEMENT EXECUTE FUNCTION note_closed_account();
