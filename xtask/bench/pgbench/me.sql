-- What the store sends for this route, with values that pgbench makes up; a test of crates/postgres compares.
\set n random(1, 1000)
SELECT id, email, username, password_hash, display_name, native_language, target_language, proficiency_level, time_zone, roles, is_premium, email_verified, created_at, updated_at, last_login_at, revision, deactivated_at, deleted_at, purge_at, deleted_by_owner, deletion_reason
  FROM accounts WHERE id = ('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid;
