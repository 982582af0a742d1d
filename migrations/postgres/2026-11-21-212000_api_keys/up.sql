-- Keys with which programs act for an account; never their secrets.
CREATE TABLE api_keys (
    user_id      UUID        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id           UUID        NOT NULL,
    name         TEXT        NOT NULL,
    -- The names of what it may do, with a space between them.
    scopes       TEXT        NOT NULL CHECK (scopes <> ''),
    -- SHA-256 of what its bearer shows.
    digest       BYTEA       NOT NULL CHECK (octet_length(digest) = 32),
    created_at   TIMESTAMPTZ NOT NULL,
    expires_at   TIMESTAMPTZ,
    last_used_at TIMESTAMPTZ,
    PRIMARY KEY (user_id, id)
);

-- What a bearer shows names the key, not the account.
CREATE UNIQUE INDEX api_keys_id ON api_keys (id);
