-- What the store sends for this route, with values that pgbench makes up; a test of crates/postgres compares.
\set n random(1, 1000)
\set w random(0, 499)
SELECT p.word_id, p.id, p.fold_version, p.revision, p.deleted, p.study_count, p.correct_count, p.confidence, p.next_review, p.stability, p.difficulty, p.last_review, p.lapses, p.last_at, p.last_id, p.created_at, p.updated_at
  FROM progress p WHERE p.user_id = ('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid AND p.word_id = ('bench-' || lpad((:w::int)::text, 3, '0')) AND NOT p.deleted;
