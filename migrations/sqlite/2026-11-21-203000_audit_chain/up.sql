-- How far the chain of the audit log goes: one row, written by whoever seals.
CREATE TABLE audit_head (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position        INTEGER NOT NULL CHECK (position >= 0),
    seal            BLOB    NOT NULL CHECK (length(seal) = 32),
    -- Behind this place the chain can be verified.
    anchor_position INTEGER NOT NULL CHECK (anchor_position BETWEEN 0 AND position),
    anchor_seal     BLOB    NOT NULL CHECK (length(anchor_seal) = 32),
    -- The last position that was deleted for its age.
    purged          INTEGER NOT NULL CHECK (purged BETWEEN 0 AND anchor_position),
    -- The code of the above; none before the first entry was sealed.
    code            BLOB    CHECK (length(code) = 32)
) STRICT;

INSERT INTO audit_head (id, position, seal, anchor_position, anchor_seal, purged)
    VALUES (1, 0, zeroblob(32), 0, zeroblob(32), 0);

-- Entries are read the newest first, whatever they are looked for by.
DROP INDEX audit_entries_subject;
DROP INDEX audit_entries_actor;
DROP INDEX audit_entries_action;
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, at, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_action ON audit_entries (action, at, id);

-- An entry gets its place, once; nothing else of it is ever changed.
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
WHEN NOT (
    OLD.position IS NULL AND NEW.position IS NOT NULL
    AND (
        NEW.id IS OLD.id AND NEW.at IS OLD.at AND NEW.actor_kind IS OLD.actor_kind AND NEW.actor_id IS OLD.actor_id
        AND NEW.api_key_id IS OLD.api_key_id AND NEW.action IS OLD.action AND NEW.subject_id IS OLD.subject_id
        AND NEW.address IS OLD.address AND NEW.user_agent IS OLD.user_agent AND NEW.request_id IS OLD.request_id
        AND NEW.details IS OLD.details
    )
)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are not changed');
END;

-- Whoever deletes what is old has said so in the head before.
CREATE TRIGGER audit_entries_stay_there BEFORE DELETE ON audit_entries
WHEN OLD.position IS NULL OR OLD.position > coalesce((SELECT purged FROM audit_head), -1)
BEGIN
    SELECT RAISE(ABORT, 'entries of the audit log are not changed');
END;
