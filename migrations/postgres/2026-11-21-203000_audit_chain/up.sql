-- How far the chain of the audit log goes: one row, written by whoever seals, who locks it meanwhile.
CREATE TABLE audit_head (
    id              INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    position        BIGINT  NOT NULL CHECK (position >= 0),
    seal            BYTEA   NOT NULL CHECK (octet_length(seal) = 32),
    -- Behind this place the chain can be verified.
    anchor_position BIGINT  NOT NULL CHECK (anchor_position BETWEEN 0 AND position),
    anchor_seal     BYTEA   NOT NULL CHECK (octet_length(anchor_seal) = 32),
    -- The last position that was deleted for its age.
    purged          BIGINT  NOT NULL CHECK (purged BETWEEN 0 AND anchor_position),
    -- The code of the above; none before the first entry was sealed.
    code            BYTEA   CHECK (octet_length(code) = 32)
);

INSERT INTO audit_head (id, position, seal, anchor_position, anchor_seal, purged)
    VALUES (1, 0, decode(repeat('00', 32), 'hex'), 0, decode(repeat('00', 32), 'hex'), 0);

-- Entries are read the newest first, whatever they are looked for by.
DROP INDEX audit_entries_subject;
DROP INDEX audit_entries_actor;
DROP INDEX audit_entries_action;
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, at, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, at, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_action ON audit_entries (action, at, id);

-- An entry gets its place, once; nothing else of it is ever changed.
CREATE FUNCTION audit_entries_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.position IS NULL AND NEW.position IS NOT NULL AND (
            NEW.id, NEW.at, NEW.actor_kind, NEW.actor_id, NEW.api_key_id, NEW.action, NEW.subject_id, NEW.address,
            NEW.user_agent, NEW.request_id, NEW.details
        ) IS NOT DISTINCT FROM (
            OLD.id, OLD.at, OLD.actor_kind, OLD.actor_id, OLD.api_key_id, OLD.action, OLD.subject_id, OLD.address,
            OLD.user_agent, OLD.request_id, OLD.details
        ) THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        -- Whoever deletes what is old has said so in the head before.
        IF OLD.position <= (SELECT purged FROM audit_head) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'entries of the audit log are not changed';
END
$$;

CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_stay();
CREATE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit_entries_stay();
