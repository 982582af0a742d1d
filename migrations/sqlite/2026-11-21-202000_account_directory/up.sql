-- The display name as it is looked for, written with the name; null where a release before this one wrote that.
ALTER TABLE accounts ADD COLUMN display_name_key TEXT;
CREATE INDEX accounts_display_name_key ON accounts (display_name_key) WHERE display_name_key IS NOT NULL;

-- All accounts, the youngest first; and the few among them that are more, or less, than a learner's.
CREATE INDEX accounts_created_at ON accounts (created_at, id);
CREATE INDEX accounts_notable ON accounts (created_at, id)
    WHERE roles <> 'user' OR deactivated_at IS NOT NULL OR deleted_at IS NOT NULL;
