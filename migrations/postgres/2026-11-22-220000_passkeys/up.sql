-- The public halves of key pairs that devices of learners keep. Nothing here is secret.
CREATE TABLE passkeys (
    user_id       UUID        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id            UUID        NOT NULL,
    name          TEXT        NOT NULL,
    -- What the device calls it.
    credential_id BYTEA       NOT NULL CHECK (octet_length(credential_id) BETWEEN 1 AND 1023),
    public_key    TEXT COLLATE "C" NOT NULL,
    counter       BIGINT      NOT NULL CHECK (counter >= 0),
    created_at    TIMESTAMPTZ NOT NULL,
    last_used_at  TIMESTAMPTZ,
    PRIMARY KEY (user_id, id),
    UNIQUE (user_id, credential_id)
);

-- What devices are to sign, each once and within minutes; says of nobody that they asked for it.
CREATE TABLE passkey_challenges (
    id         UUID        NOT NULL PRIMARY KEY,
    -- A digest of what it is for.
    audience   BYTEA       NOT NULL CHECK (octet_length(audience) = 32),
    state      TEXT        NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL
);

CREATE INDEX passkey_challenges_expires_at ON passkey_challenges (expires_at);
