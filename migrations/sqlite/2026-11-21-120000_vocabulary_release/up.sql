-- Which release of the shipped vocabulary was installed last: one row, once there was any.
CREATE TABLE vocabulary_release (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    digest TEXT    NOT NULL
) STRICT;
