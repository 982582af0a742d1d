-- Archives of everything that is held of a learner: asked for, made by a worker, kept for a day.
CREATE TABLE exports (
    user_id      BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    requested_at INTEGER NOT NULL,
    -- When it is to be tried next, how often it was, and which attempt has it until then.
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    attempt      BLOB,
    -- The archive, once it is there: all four or none.
    file         TEXT,
    bytes        INTEGER CHECK (bytes >= 0),
    ready_at     INTEGER,
    expires_at   INTEGER,
    failed_at    INTEGER,
    PRIMARY KEY (user_id, id),
    CHECK ((file IS NULL) = (ready_at IS NULL) AND (bytes IS NULL) = (ready_at IS NULL)
        AND (expires_at IS NULL) = (ready_at IS NULL)),
    CHECK (ready_at IS NULL OR failed_at IS NULL)
) STRICT, WITHOUT ROWID;

-- One at a time.
CREATE UNIQUE INDEX exports_pending ON exports (user_id) WHERE ready_at IS NULL AND failed_at IS NULL;
-- A worker takes what is due, whoever's it is, and forgets what was asked for long ago.
CREATE INDEX exports_due ON exports (due_at) WHERE ready_at IS NULL AND failed_at IS NULL;
CREATE INDEX exports_requested_at ON exports (requested_at);
