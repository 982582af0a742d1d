-- Whether an account may be used: active where all of these are null.
ALTER TABLE accounts ADD COLUMN deactivated_at INTEGER;
ALTER TABLE accounts ADD COLUMN deleted_at INTEGER;
ALTER TABLE accounts ADD COLUMN purge_at INTEGER;
ALTER TABLE accounts ADD COLUMN deleted_by_owner INTEGER CHECK (deleted_by_owner IN (0, 1));
ALTER TABLE accounts ADD COLUMN deletion_reason TEXT;
CREATE INDEX accounts_purge_at ON accounts (purge_at) WHERE purge_at IS NOT NULL;

-- How its owner showed who they are, and on what; null where a release before this one began it: by password, then.
ALTER TABLE sessions ADD COLUMN authenticated_at INTEGER;
ALTER TABLE sessions ADD COLUMN proof TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
ALTER TABLE sessions ADD COLUMN address TEXT;

-- Entries outlive the accounts that they tell of, and are never changed but for getting a place in the chain.
CREATE TABLE audit_entries (
    id         BLOB    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    -- 'account', 'api_key', 'operator', 'system', 'anonymous'.
    actor_kind TEXT    NOT NULL CHECK (actor_kind IN ('account', 'api_key', 'operator', 'system', 'anonymous')),
    actor_id   BLOB,
    api_key_id BLOB,
    action     TEXT    NOT NULL,
    subject_id BLOB,
    address    TEXT,
    user_agent TEXT,
    request_id TEXT,
    -- An object of JSON whose members are texts, in the order of their names.
    details    TEXT    NOT NULL,
    -- The place in the chain and the seal, once it has them.
    position   INTEGER,
    seal       BLOB    CHECK (length(seal) = 32),
    CHECK ((actor_kind IN ('account', 'api_key')) = (actor_id IS NOT NULL)),
    CHECK ((actor_kind = 'api_key') = (api_key_id IS NOT NULL)),
    CHECK ((position IS NULL) = (seal IS NULL))
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX audit_entries_position ON audit_entries (position);
CREATE INDEX audit_entries_unsealed ON audit_entries (id) WHERE position IS NULL;
CREATE INDEX audit_entries_at ON audit_entries (at, id);
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_action ON audit_entries (action, id);

-- Mails that wait to be sent.
CREATE TABLE outbox (
    user_id      BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id           BLOB    NOT NULL,
    recipient    TEXT    NOT NULL,
    language     TEXT,
    -- What it is about, as JSON; never its words, and no secret.
    message      TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    -- When it is to be tried next, how often it was, and which attempt has it until then.
    due_at       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    attempt      BLOB,
    -- When it was sent, or given up.
    sent_at      INTEGER,
    given_up_at  INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- A worker takes what is due, whoever's it is, and forgets what was sent long ago.
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX outbox_created_at ON outbox (created_at);

-- Never the token, only its digest.
CREATE TABLE one_time_secrets (
    user_id    BLOB    NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    id         BLOB    NOT NULL,
    purpose    TEXT    NOT NULL,
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    payload    TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER,
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;

-- A token names its secret, not its user.
CREATE UNIQUE INDEX one_time_secrets_id ON one_time_secrets (id);
CREATE INDEX one_time_secrets_expires_at ON one_time_secrets (expires_at);
