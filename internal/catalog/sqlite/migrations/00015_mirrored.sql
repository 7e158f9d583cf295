-- +goose Up

-- The newest complete backup of each device at the last run of a mirror, if the mirror
-- has it.
CREATE TABLE mirrored (
    target   TEXT NOT NULL,
    snapshot TEXT NOT NULL, -- its ID
    PRIMARY KEY (target, snapshot)
);
