-- What the store sends for this route, with values that pgbench makes up; a test of crates/postgres compares.
-- The ids of a learner's events grow, as those of the store do.
\set n random(1, 1000)
\set w random(0, 499)
\set c random(1, 1000000000)
\set r random(0, 10000)
\set d random(1, 30)
SELECT w.number, h.revision AS head, h.position AS place, e.id IS NOT NULL AS known, p.word_id, p.id, p.fold_version, p.revision, p.deleted, p.study_count, p.correct_count, p.confidence, p.next_review, p.stability, p.difficulty, p.last_review, p.lapses, p.last_at, p.last_id, p.created_at, p.updated_at
  FROM unnest(ARRAY[('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid]::uuid[], ARRAY[('bench-' || lpad((:w::int)::text, 3, '0'))]::text[], ARRAY[NULL]::uuid[]) WITH ORDINALITY AS w (user_id, word_id, event_id, number)
  CROSS JOIN LATERAL (SELECT revision, position FROM progress_heads WHERE user_id = w.user_id OFFSET 0) h
  LEFT JOIN LATERAL (SELECT p.word_id, p.id, p.fold_version, p.revision, p.deleted, p.study_count, p.correct_count, p.confidence, p.next_review, p.stability, p.difficulty, p.last_review, p.lapses, p.last_at, p.last_id, p.created_at, p.updated_at FROM progress p WHERE p.user_id = w.user_id AND p.word_id = w.word_id OFFSET 0) p ON TRUE
  LEFT JOIN LATERAL (SELECT id FROM progress_events WHERE user_id = w.user_id AND id = w.event_id OFFSET 0) e ON TRUE
\gset
WITH wanted AS (SELECT *
    FROM unnest(ARRAY[('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid]::uuid[], ARRAY[:head]::bigint[], ARRAY[:place]::bigint[], ARRAY[:head::bigint + 1]::bigint[], ARRAY[:place::bigint + 1]::bigint[]) AS w (user_id, old_revision, old_position, revision, position)),
  locked AS (SELECT w.user_id, w.revision, w.position FROM wanted w CROSS JOIN LATERAL ( SELECT FROM progress_heads h WHERE h.user_id = w.user_id AND h.revision = w.old_revision AND h.position = w.old_position FOR NO KEY UPDATE SKIP LOCKED) h),
  heads AS (INSERT INTO progress_heads (user_id, revision, position)
    SELECT user_id, revision, position FROM locked
    ON CONFLICT (user_id) DO UPDATE SET revision = excluded.revision, position = excluded.position RETURNING user_id),
  events AS (INSERT INTO progress_events (user_id, id, word_id, position, kind, at, device_id, rating, duration_ms, retention, clamped, undone, study_count, correct_count, confidence, raised_study_count, review_id, recorded_at)
    SELECT e.user_id, e.id, e.word_id, e.position, e.kind, e.at, e.device_id, e.rating, e.duration_ms, e.retention, e.clamped, FALSE, e.study_count, e.correct_count, e.confidence, e.raised_study_count, e.review_id, e.recorded_at
    FROM unnest(ARRAY[('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid]::uuid[], ARRAY[(lpad(to_hex(:place::bigint + 1), 12, '0') || '70008000000000000000')::uuid]::uuid[], ARRAY[('bench-' || lpad((:w::int)::text, 3, '0'))]::text[], ARRAY[:place::bigint + 1]::bigint[], ARRAY[2]::smallint[], ARRAY[now()]::timestamptz[], ARRAY[NULL]::text[], ARRAY[NULL]::smallint[], ARRAY[NULL]::bigint[], ARRAY[NULL]::float8[], ARRAY[FALSE]::boolean[], ARRAY[:c]::bigint[], ARRAY[:c]::bigint[], ARRAY[:r::float8 / 10000]::float8[], ARRAY[TRUE]::boolean[], ARRAY[NULL]::uuid[], ARRAY[now()]::timestamptz[]) AS e (user_id, id, word_id, position, kind, at, device_id, rating, duration_ms, retention, clamped, study_count, correct_count, confidence, raised_study_count, review_id, recorded_at)
    JOIN heads USING (user_id)),
  rows AS (INSERT INTO progress (user_id, word_id, id, fold_version, revision, deleted, study_count, correct_count, confidence, next_review, stability, difficulty, last_review, lapses, last_at, last_id, created_at, updated_at)
    SELECT p.*
    FROM unnest(ARRAY[('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid]::uuid[], ARRAY[('bench-' || lpad((:w::int)::text, 3, '0'))]::text[], ARRAY[:id]::uuid[], ARRAY[1]::integer[], ARRAY[:head::bigint + 1]::bigint[], ARRAY[FALSE]::boolean[], ARRAY[:c]::bigint[], ARRAY[:c]::bigint[], ARRAY[:r::float8 / 10000]::float8[], ARRAY[now() + :d::int * INTERVAL '1 day']::timestamptz[], ARRAY[NULL]::float8[], ARRAY[NULL]::float8[], ARRAY[NULL]::timestamptz[], ARRAY[NULL]::bigint[], ARRAY[now()]::timestamptz[], ARRAY[(lpad(to_hex(:place::bigint + 1), 12, '0') || '70008000000000000000')::uuid]::uuid[], ARRAY[:created_at]::timestamptz[], ARRAY[now()]::timestamptz[]) AS p (user_id, word_id, id, fold_version, revision, deleted, study_count, correct_count, confidence, next_review, stability, difficulty, last_review, lapses, last_at, last_id, created_at, updated_at)
    JOIN heads USING (user_id)
    ON CONFLICT (user_id, word_id) DO UPDATE SET id = excluded.id, fold_version = excluded.fold_version, revision = excluded.revision, deleted = excluded.deleted, study_count = excluded.study_count, correct_count = excluded.correct_count, confidence = excluded.confidence, next_review = excluded.next_review, stability = excluded.stability, difficulty = excluded.difficulty, last_review = excluded.last_review, lapses = excluded.lapses, last_at = excluded.last_at, last_id = excluded.last_id, created_at = excluded.created_at, updated_at = excluded.updated_at)
  SELECT user_id FROM heads;
