-- Codes by time: one secret of an account, sealed, and the last step whose code was used.
CREATE TABLE second_factors (
    user_id      UUID             NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Never in the clear: `v1.<key id>.<nonce and ciphertext>`.
    secret       TEXT COLLATE "C" NOT NULL,
    -- The key that it is sealed with, for whoever seals it anew.
    key_id       TEXT COLLATE "C" NOT NULL,
    created_at   TIMESTAMPTZ      NOT NULL,
    -- Null until a first code was shown; nothing is asked for until then.
    confirmed_at TIMESTAMPTZ,
    last_step    BIGINT           NOT NULL
);

-- Never the code, only its digest; a row is gone with the use of its code.
CREATE TABLE recovery_codes (
    user_id UUID  NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest  BYTEA NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (user_id, digest)
);
