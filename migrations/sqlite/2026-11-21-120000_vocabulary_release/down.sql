DROP TABLE vocabulary_release;
