DROP TABLE progress;
DROP TABLE progress_events;
DROP TABLE progress_heads;
DROP TABLE list_words;
DROP TABLE words;
DROP TABLE word_lists;
DROP TABLE sessions;
DROP TABLE accounts;
