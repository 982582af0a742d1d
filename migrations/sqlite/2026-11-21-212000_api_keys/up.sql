-- Keys with which programs act for an account; never their secrets.
CREATE TABLE api_keys (
    user_id      BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    name         TEXT    NOT NULL,
    -- The names of what it may do, with a space between them.
    scopes       TEXT    NOT NULL CHECK (scopes <> ''),
    -- SHA-256 of what its bearer shows.
    digest       BLOB    NOT NULL CHECK (length(digest) = 32),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    last_used_at INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- What a bearer shows names the key, not the account.
CREATE UNIQUE INDEX api_keys_id ON api_keys (id);
