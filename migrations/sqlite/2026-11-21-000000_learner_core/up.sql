-- Ids are UUIDs of 16 bytes, instants are milliseconds since the Unix epoch.
-- Every table of a learner's data has user_id first in its key, so that it can be sharded by it.

CREATE TABLE accounts (
    id                BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email             TEXT    NOT NULL,
    email_key         TEXT    NOT NULL,
    username          TEXT,
    username_key      TEXT,
    password_hash     TEXT    NOT NULL,
    display_name      TEXT,
    native_language   TEXT,
    target_language   TEXT,
    proficiency_level TEXT,
    time_zone         TEXT    NOT NULL,
    -- Names of roles with spaces between.
    roles             TEXT    NOT NULL,
    is_premium        INTEGER NOT NULL CHECK (is_premium IN (0, 1)),
    email_verified    INTEGER NOT NULL CHECK (email_verified IN (0, 1)),
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    last_login_at     INTEGER,
    revision          INTEGER NOT NULL,
    CHECK ((username IS NULL) = (username_key IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX accounts_email_key ON accounts (email_key);
CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);

CREATE TABLE sessions (
    user_id             BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id                  BLOB    NOT NULL CHECK (length(id) = 16),
    counter             INTEGER NOT NULL,
    rotated_at          INTEGER NOT NULL,
    previous_rotated_at INTEGER,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    revoked_at          INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- A refresh token names its session, not its user.
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE word_lists (
    id          TEXT    NOT NULL PRIMARY KEY,
    -- The place among all lists, in the order of first import.
    position    INTEGER NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    language    TEXT    NOT NULL,
    difficulty  TEXT    NOT NULL CHECK (difficulty IN ('beginner', 'intermediate', 'advanced')),
    -- A JSON array of texts.
    tags        TEXT    NOT NULL,
    word_count  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX word_lists_position ON word_lists (position);

CREATE TABLE words (
    id              TEXT NOT NULL PRIMARY KEY,
    language        TEXT NOT NULL,
    term            TEXT NOT NULL,
    reading         TEXT,
    gloss           TEXT NOT NULL,
    -- JSON arrays of texts.
    alternate_forms TEXT NOT NULL,
    part_of_speech  TEXT NOT NULL,
    frequency_rank  INTEGER,
    -- Folded for search; the forms have a line break before and after each, which folding never leaves in a text.
    language_key    TEXT NOT NULL,
    term_key        TEXT NOT NULL,
    reading_key     TEXT NOT NULL,
    gloss_key       TEXT NOT NULL,
    forms_key       TEXT NOT NULL
) STRICT;

CREATE TABLE list_words (
    list_id  TEXT    NOT NULL REFERENCES word_lists (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    word_id  TEXT    NOT NULL REFERENCES words (id) ON DELETE RESTRICT,
    PRIMARY KEY (list_id, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX list_words_word_id ON list_words (word_id, list_id);

CREATE TABLE progress_heads (
    user_id  BLOB    NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- The last revision given to a row, and the last place given to an event.
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE progress_events (
    user_id            BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id                 BLOB    NOT NULL CHECK (length(id) = 16),
    word_id            TEXT    NOT NULL,
    -- The place in the learner's log, in the order of arrival.
    position           INTEGER NOT NULL,
    -- 1 review, 2 set, 3 forget, 4 undo.
    kind               INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    at                 INTEGER NOT NULL,
    device_id          TEXT,
    rating             INTEGER CHECK (rating BETWEEN 1 AND 4),
    duration_ms        INTEGER,
    retention          REAL,
    clamped            INTEGER NOT NULL CHECK (clamped IN (0, 1)),
    -- Whether a review was taken back; set when its undo is written.
    undone             INTEGER NOT NULL CHECK (undone IN (0, 1)),
    study_count        INTEGER,
    correct_count      INTEGER,
    confidence         REAL,
    raised_study_count INTEGER NOT NULL CHECK (raised_study_count IN (0, 1)),
    -- The review that an undo takes back.
    review_id          BLOB,
    recorded_at        INTEGER NOT NULL,
    PRIMARY KEY (user_id, id),
    CHECK ((kind = 1) = (rating IS NOT NULL AND retention IS NOT NULL)),
    CHECK ((kind = 4) = (review_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX progress_events_position ON progress_events (user_id, position);
-- A word's log; and, without reading the table, when each word was first reviewed.
CREATE INDEX progress_events_word ON progress_events (user_id, word_id, at, id, kind, undone);
-- All that activity asks, without reading the table.
CREATE INDEX progress_events_at ON progress_events (user_id, at, kind, undone, rating, raised_study_count);

CREATE TABLE progress (
    user_id       BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    word_id       TEXT    NOT NULL,
    id            BLOB    NOT NULL CHECK (length(id) = 16),
    fold_version  INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    deleted       INTEGER NOT NULL CHECK (deleted IN (0, 1)),
    study_count   INTEGER,
    correct_count INTEGER,
    confidence    REAL,
    next_review   INTEGER,
    stability     REAL,
    difficulty    REAL,
    last_review   INTEGER,
    lapses        INTEGER,
    last_at       INTEGER NOT NULL,
    last_id       BLOB    NOT NULL CHECK (length(last_id) = 16),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    PRIMARY KEY (user_id, word_id),
    CHECK ((deleted = 0) = (study_count IS NOT NULL AND correct_count IS NOT NULL
        AND confidence IS NOT NULL AND next_review IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX progress_revision ON progress (user_id, revision);
CREATE INDEX progress_next_review ON progress (user_id, next_review, word_id) WHERE deleted = 0;
