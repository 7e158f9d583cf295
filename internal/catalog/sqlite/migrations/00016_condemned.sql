-- +goose Up

-- Content of a vault of several machines that no snapshot names: a prune removes it some
-- time later, unless it is entered into blob again.
CREATE TABLE condemned (
    sha256 TEXT PRIMARY KEY,
    at     BIGINT NOT NULL -- seconds since 1970, UTC
);
