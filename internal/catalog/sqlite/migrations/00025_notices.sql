-- +goose Up

-- What each target of notifications knows, or is going to learn. Times are milliseconds since 1970, UTC.
CREATE TABLE notice (
    target  TEXT NOT NULL,
    event   TEXT NOT NULL,
    subject TEXT NOT NULL,
    began   BIGINT NOT NULL,
    sent    BIGINT, -- NULL: not yet
    ended   BIGINT, -- NULL: it holds, or nobody has to learn of its end
    PRIMARY KEY (target, event, subject)
);
