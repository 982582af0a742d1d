-- The public halves of key pairs that devices of learners keep. Nothing here is secret.
CREATE TABLE passkeys (
    user_id       BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id            BLOB    NOT NULL,
    name          TEXT    NOT NULL,
    -- What the device calls it.
    credential_id BLOB    NOT NULL CHECK (length(credential_id) BETWEEN 1 AND 1023),
    public_key    TEXT    NOT NULL,
    counter       INTEGER NOT NULL CHECK (counter >= 0),
    created_at    INTEGER NOT NULL,
    last_used_at  INTEGER,
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, credential_id)
) STRICT, WITHOUT ROWID;

-- What devices are to sign, each once and within minutes; says of nobody that they asked for it.
CREATE TABLE passkey_challenges (
    id         BLOB    NOT NULL PRIMARY KEY,
    -- A digest of what it is for.
    audience   BLOB    NOT NULL CHECK (length(audience) = 32),
    state      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);
