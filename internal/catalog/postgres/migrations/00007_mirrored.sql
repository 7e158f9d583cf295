-- +goose Up

-- The newest complete backup of each device at the last run of a mirror, if the mirror
-- has it.
CREATE TABLE mirrored (
    target   TEXT COLLATE "C" NOT NULL,
    snapshot TEXT COLLATE "C" NOT NULL, -- its ID
    PRIMARY KEY (target, snapshot)
);
