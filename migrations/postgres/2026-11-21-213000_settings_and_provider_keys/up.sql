-- What learners want; whoever never said has no row.
CREATE TABLE user_settings (
    user_id            UUID             NOT NULL PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    preferred_language TEXT,
    summary_quality    TEXT             NOT NULL,
    desired_retention  DOUBLE PRECISION NOT NULL,
    reminders_enabled  BOOLEAN          NOT NULL,
    -- Minutes after midnight, by the clock of the learner's time zone.
    reminder_minute    INTEGER          NOT NULL CHECK (reminder_minute BETWEEN 0 AND 1439),
    -- One bit for each day of the week, Monday's the lowest.
    reminder_days      INTEGER          NOT NULL CHECK (reminder_days BETWEEN 0 AND 127),
    -- An object of JSON that apps keep, as text: JSONB takes no NUL in texts.
    data               TEXT             NOT NULL,
    revision           BIGINT           NOT NULL,
    updated_at         TIMESTAMPTZ      NOT NULL
);

-- Learners' own keys of providers, sealed for the row that they are in.
CREATE TABLE provider_keys (
    user_id   UUID        NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider  TEXT        NOT NULL,
    sealed    TEXT        NOT NULL,
    -- With which key it is sealed, as `sealed` says too.
    key_id    TEXT        COLLATE "C" NOT NULL,
    -- The end of it, by which its owner knows it again.
    last_four TEXT        NOT NULL,
    set_at    TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (user_id, provider)
);
