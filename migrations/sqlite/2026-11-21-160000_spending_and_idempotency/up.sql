-- What was spent on providers, by day: of each user, and of all together, which outlives the accounts.
-- A day is the number of days since 1970-01-01.

CREATE TABLE spending (
    user_id BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    day     INTEGER NOT NULL,
    meter   TEXT    NOT NULL CHECK (meter IN ('characters', 'tokens')),
    amount  INTEGER NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (user_id, day, meter)
) STRICT, WITHOUT ROWID;

-- Past days are forgotten, whoever's they are.
CREATE INDEX spending_day ON spending (day);

CREATE TABLE spending_total (
    day    INTEGER NOT NULL,
    meter  TEXT    NOT NULL CHECK (meter IN ('characters', 'tokens')),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (day, meter)
) STRICT, WITHOUT ROWID;

-- Requests with an Idempotency-Key; one that was answered has all three parts of its answer.
CREATE TABLE idempotency_keys (
    user_id      BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key          TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    begun_at     INTEGER NOT NULL,
    status       INTEGER CHECK (status BETWEEN 100 AND 999),
    content_type TEXT,
    body         BLOB,
    PRIMARY KEY (user_id, key),
    CHECK ((status IS NULL) = (content_type IS NULL) AND (status IS NULL) = (body IS NULL))
) STRICT, WITHOUT ROWID;

-- Old ones are forgotten, whoever's they are.
CREATE INDEX idempotency_keys_begun_at ON idempotency_keys (begun_at);
