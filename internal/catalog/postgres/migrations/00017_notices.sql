-- +goose Up

-- What each target of notifications knows, or is going to learn. Times are milliseconds since 1970, UTC.
CREATE TABLE notice (
    target  TEXT COLLATE "C" NOT NULL,
    event   TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    began   BIGINT NOT NULL,
    sent    BIGINT, -- NULL: not yet
    ended   BIGINT, -- NULL: it holds, or nobody has to learn of its end
    PRIMARY KEY (target, event, subject)
);
