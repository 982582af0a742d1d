-- Attempts to sign in that failed or are under way, by digests of whom they are counted for: names of accounts that are
-- there or not, devices, addresses. A row that makes no difference any more is deleted.
CREATE TABLE lockouts (
    key          BLOB    NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    -- An array of JSON: when they were, in milliseconds since 1970, the oldest first.
    attempts     TEXT    NOT NULL,
    locked_until INTEGER,
    -- Until when it makes a difference.
    forget_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX lockouts_forget_at ON lockouts (forget_at);

-- The devices that an account signed in on and knows again.
CREATE TABLE known_devices (
    user_id       BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id            BLOB    NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- Those that were not seen for long are forgotten, whoever's they are.
CREATE INDEX known_devices_last_seen_at ON known_devices (last_seen_at);

-- The device that a session began on; null where a release before this one began it.
ALTER TABLE sessions ADD COLUMN device_id BLOB;
