-- What was spent on providers, by day: of each user, and of all together, which outlives the accounts.

CREATE TABLE spending (
    user_id UUID             NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    day     DATE             NOT NULL,
    meter   TEXT COLLATE "C" NOT NULL CHECK (meter IN ('characters', 'tokens')),
    amount  BIGINT           NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (user_id, day, meter)
) WITH (fillfactor = 70);

-- Past days are forgotten, whoever's they are.
CREATE INDEX spending_day ON spending (day);

-- Few rows, and all reservations of a day write to one of them.
CREATE TABLE spending_total (
    day    DATE             NOT NULL,
    meter  TEXT COLLATE "C" NOT NULL CHECK (meter IN ('characters', 'tokens')),
    amount BIGINT           NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (day, meter)
) WITH (fillfactor = 10);

-- Requests with an Idempotency-Key; one that was answered has all three parts of its answer.
CREATE TABLE idempotency_keys (
    user_id      UUID             NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    key          TEXT COLLATE "C" NOT NULL,
    fingerprint  BYTEA            NOT NULL CHECK (octet_length(fingerprint) = 32),
    begun_at     TIMESTAMPTZ      NOT NULL,
    status       INTEGER          CHECK (status BETWEEN 100 AND 999),
    content_type TEXT,
    body         BYTEA,
    PRIMARY KEY (user_id, key),
    CHECK ((status IS NULL) = (content_type IS NULL) AND (status IS NULL) = (body IS NULL))
);

-- Old ones are forgotten, whoever's they are.
CREATE INDEX idempotency_keys_begun_at ON idempotency_keys (begun_at);
