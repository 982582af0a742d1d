DROP INDEX accounts_notable;
DROP INDEX accounts_created_at;
DROP INDEX accounts_display_name_key;
ALTER TABLE accounts DROP COLUMN display_name_key;
