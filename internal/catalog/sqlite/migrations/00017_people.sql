-- +goose Up

-- Who may do what. A password is an argon2id hash, a token's secret its SHA-256.
CREATE TABLE person (
    name     TEXT PRIMARY KEY,
    role     TEXT NOT NULL,
    password TEXT NOT NULL,
    created  INTEGER NOT NULL -- milliseconds since 1970
);
CREATE TABLE token (
    name         TEXT PRIMARY KEY,
    role         TEXT NOT NULL,
    device_group TEXT NOT NULL, -- empty: all
    site         TEXT NOT NULL, -- empty: all
    created      INTEGER NOT NULL,
    expires      INTEGER,       -- NULL: never
    digest       TEXT NOT NULL UNIQUE
);

-- The audit trail. Lines are only added; each hash covers the line before.
CREATE TABLE audit (
    number    INTEGER PRIMARY KEY, -- from 1, without a gap
    at        INTEGER NOT NULL,    -- milliseconds since 1970
    person    TEXT NOT NULL,
    source    TEXT NOT NULL,       -- terminal, socket, or an address
    operation TEXT NOT NULL,
    targets   TEXT NOT NULL,       -- names as a JSON list
    result    TEXT NOT NULL,
    hash      TEXT NOT NULL
);
