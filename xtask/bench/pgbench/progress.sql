-- What the store sends for this route, with values that pgbench makes up; a test of crates/postgres compares.
\set n random(1, 1000)
\set before 9223372036854775807
\set limit 9223372036854775807
SELECT p.word_id, p.id, p.revision, p.study_count, p.correct_count, p.confidence, p.next_review, p.stability, p.difficulty, p.last_review, p.lapses, p.created_at, p.updated_at
  FROM progress p WHERE p.user_id = ('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid AND p.revision < :before AND NOT p.deleted ORDER BY p.revision DESC LIMIT :limit;
