DROP TRIGGER audit_entries_stay_there;
DROP TRIGGER audit_entries_stay;
DROP INDEX audit_entries_action;
DROP INDEX audit_entries_actor;
DROP INDEX audit_entries_subject;
CREATE INDEX audit_entries_subject ON audit_entries (subject_id, id) WHERE subject_id IS NOT NULL;
CREATE INDEX audit_entries_actor ON audit_entries (actor_id, id) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entries_action ON audit_entries (action, id);
DROP TABLE audit_head;
