-- Every table of a learner's data has user_id first in its key, so that it can be sharded by it.
-- Identifiers are compared byte by byte (COLLATE "C"), as every other store and the HTTP face compare them.

CREATE TABLE accounts (
    id                UUID             NOT NULL PRIMARY KEY,
    email             TEXT             NOT NULL,
    email_key         TEXT COLLATE "C" NOT NULL,
    username          TEXT,
    username_key      TEXT COLLATE "C",
    password_hash     TEXT             NOT NULL,
    display_name      TEXT,
    native_language   TEXT,
    target_language   TEXT,
    proficiency_level TEXT,
    time_zone         TEXT             NOT NULL,
    roles             TEXT[]           NOT NULL,
    is_premium        BOOLEAN          NOT NULL,
    email_verified    BOOLEAN          NOT NULL,
    created_at        TIMESTAMPTZ      NOT NULL,
    updated_at        TIMESTAMPTZ      NOT NULL,
    last_login_at     TIMESTAMPTZ,
    revision          BIGINT           NOT NULL,
    CHECK ((username IS NULL) = (username_key IS NULL))
);

CREATE UNIQUE INDEX accounts_email_key ON accounts (email_key);
CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);

CREATE TABLE sessions (
    user_id             UUID        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id                  UUID        NOT NULL,
    counter             BIGINT      NOT NULL,
    rotated_at          TIMESTAMPTZ NOT NULL,
    previous_rotated_at TIMESTAMPTZ,
    created_at          TIMESTAMPTZ NOT NULL,
    expires_at          TIMESTAMPTZ NOT NULL,
    revoked_at          TIMESTAMPTZ,
    PRIMARY KEY (user_id, id)
);

-- A refresh token names its session, not its user.
CREATE UNIQUE INDEX sessions_id ON sessions (id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE word_lists (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    -- The place among all lists, in the order of first import.
    position    INTEGER          NOT NULL,
    name        TEXT             NOT NULL,
    description TEXT             NOT NULL,
    language    TEXT             NOT NULL,
    difficulty  TEXT             NOT NULL CHECK (difficulty IN ('beginner', 'intermediate', 'advanced')),
    tags        TEXT[]           NOT NULL,
    word_count  INTEGER          NOT NULL
);

CREATE UNIQUE INDEX word_lists_position ON word_lists (position);

CREATE TABLE words (
    id              TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    language        TEXT             NOT NULL,
    term            TEXT             NOT NULL,
    reading         TEXT,
    gloss           TEXT             NOT NULL,
    alternate_forms TEXT[]           NOT NULL,
    part_of_speech  TEXT[]           NOT NULL,
    frequency_rank  BIGINT,
    -- Folded for search.
    language_key    TEXT COLLATE "C" NOT NULL,
    term_key        TEXT COLLATE "C" NOT NULL,
    reading_key     TEXT COLLATE "C" NOT NULL,
    gloss_key       TEXT COLLATE "C" NOT NULL,
    form_keys       TEXT[] COLLATE "C" NOT NULL
);

CREATE TABLE list_words (
    list_id  TEXT COLLATE "C" NOT NULL REFERENCES word_lists (id) ON DELETE CASCADE,
    position INTEGER          NOT NULL,
    word_id  TEXT COLLATE "C" NOT NULL REFERENCES words (id) ON DELETE RESTRICT,
    PRIMARY KEY (list_id, position)
);

CREATE UNIQUE INDEX list_words_word_id ON list_words (word_id, list_id);

-- What came with the program: the digest of the release that was installed last.
CREATE TABLE vocabulary_release (
    only_row BOOLEAN NOT NULL PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    digest   TEXT    NOT NULL
);

-- Made together with the account: who has no head has no account.
CREATE TABLE progress_heads (
    user_id  UUID   NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    -- The last revision given to a row, and the last place given to an event.
    revision BIGINT NOT NULL,
    position BIGINT NOT NULL
) WITH (fillfactor = 70);

-- Logs and rows refer to the head, which each write of them has at hand, and through it to the account.
CREATE TABLE progress_events (
    user_id            UUID             NOT NULL REFERENCES progress_heads (user_id) ON DELETE CASCADE,
    id                 UUID             NOT NULL,
    word_id            TEXT COLLATE "C" NOT NULL,
    -- The place in the learner's log, in the order of arrival.
    position           BIGINT           NOT NULL,
    -- 1 review, 2 set, 3 forget, 4 undo.
    kind               SMALLINT         NOT NULL CHECK (kind BETWEEN 1 AND 4),
    at                 TIMESTAMPTZ      NOT NULL,
    device_id          TEXT,
    rating             SMALLINT         CHECK (rating BETWEEN 1 AND 4),
    duration_ms        BIGINT,
    retention          DOUBLE PRECISION,
    clamped            BOOLEAN          NOT NULL,
    -- Whether a review was taken back; set when its undo is written.
    undone             BOOLEAN          NOT NULL,
    study_count        BIGINT,
    correct_count      BIGINT,
    confidence         DOUBLE PRECISION,
    raised_study_count BOOLEAN          NOT NULL,
    -- The review that an undo takes back.
    review_id          UUID,
    recorded_at        TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (user_id, id),
    CHECK ((kind = 1) = (rating IS NOT NULL AND retention IS NOT NULL)),
    CHECK ((kind = 4) = (review_id IS NOT NULL))
);

CREATE UNIQUE INDEX progress_events_position ON progress_events (user_id, position);
-- A word's log; and, without reading the table, all that activity asks.
CREATE INDEX progress_events_word ON progress_events (user_id, word_id, at)
    INCLUDE (kind, undone, rating, raised_study_count);

CREATE TABLE progress (
    user_id       UUID             NOT NULL REFERENCES progress_heads (user_id) ON DELETE CASCADE,
    word_id       TEXT COLLATE "C" NOT NULL,
    id            UUID             NOT NULL,
    fold_version  INTEGER          NOT NULL,
    revision      BIGINT           NOT NULL,
    deleted       BOOLEAN          NOT NULL,
    study_count   BIGINT,
    correct_count BIGINT,
    confidence    DOUBLE PRECISION,
    next_review   TIMESTAMPTZ,
    stability     DOUBLE PRECISION,
    difficulty    DOUBLE PRECISION,
    last_review   TIMESTAMPTZ,
    lapses        BIGINT,
    last_at       TIMESTAMPTZ      NOT NULL,
    last_id       UUID             NOT NULL,
    created_at    TIMESTAMPTZ      NOT NULL,
    updated_at    TIMESTAMPTZ      NOT NULL,
    PRIMARY KEY (user_id, word_id),
    CHECK (deleted <> (study_count IS NOT NULL AND correct_count IS NOT NULL
        AND confidence IS NOT NULL AND next_review IS NOT NULL))
);

CREATE UNIQUE INDEX progress_revision ON progress (user_id, revision);
CREATE INDEX progress_next_review ON progress (user_id, next_review, word_id) WHERE NOT deleted;
