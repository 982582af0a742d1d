-- Codes by time: one secret of an account, sealed, and the last step whose code was used.
CREATE TABLE second_factors (
    user_id      BLOB    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- Never in the clear: `v1.<key id>.<nonce and ciphertext>`.
    secret       TEXT    NOT NULL,
    -- The key that it is sealed with, for whoever seals it anew.
    key_id       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    -- Null until a first code was shown; nothing is asked for until then.
    confirmed_at INTEGER,
    last_step    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Never the code, only its digest; a row is gone with the use of its code.
CREATE TABLE recovery_codes (
    user_id BLOB NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest  BLOB NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (user_id, digest)
) STRICT, WITHOUT ROWID;
