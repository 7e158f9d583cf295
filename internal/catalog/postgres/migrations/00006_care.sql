-- +goose Up

ALTER TABLE job ADD COLUMN name TEXT COLLATE "C" NOT NULL DEFAULT ''; -- of a mirror

-- The newest run of each task that keeps the vault in order.
CREATE TABLE care (
    kind      TEXT COLLATE "C" NOT NULL, -- of the job
    name      TEXT COLLATE "C" NOT NULL, -- of a mirror
    started   BIGINT  NOT NULL,
    failed    BOOLEAN NOT NULL, -- or it found problems
    succeeded BIGINT,           -- when the newest run began that did not fail; NULL: none
    cause     TEXT    NOT NULL,
    message   TEXT    NOT NULL,
    hint      TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
);
