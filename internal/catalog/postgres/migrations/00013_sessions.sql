-- +goose Up

-- Logins on the page. A session ends with its user, and when the user gets another password.
CREATE TABLE session (
    digest   TEXT COLLATE "C" PRIMARY KEY, -- SHA-256 of its secret
    person   TEXT COLLATE "C" NOT NULL,
    password TEXT NOT NULL,   -- the hash that the user had at the login
    created  BIGINT NOT NULL, -- milliseconds since 1970, and so below
    used     BIGINT NOT NULL,
    expires  BIGINT NOT NULL
);
CREATE INDEX session_expires ON session (expires);
