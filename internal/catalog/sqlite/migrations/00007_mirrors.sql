-- +goose Up

-- The copies of the vault that were made.
CREATE TABLE mirror (
    target    TEXT PRIMARY KEY,
    made      TEXT NOT NULL, -- UTC
    succeeded TEXT NOT NULL  -- UTC: the begin of the last run that copied everything; empty: none
);
