-- +goose Up

-- User names and passwords that devices share.
CREATE TABLE credential (
    name            TEXT COLLATE "C" PRIMARY KEY,
    username        TEXT NOT NULL,
    password        TEXT NOT NULL, -- where it is, for people to read; empty: there is none
    enable_password TEXT NOT NULL, -- the same
    fingerprint     TEXT NOT NULL, -- of the private key; empty: there is none
    sealed          TEXT NOT NULL  -- all of it, with the secrets
);
ALTER TABLE device ADD COLUMN credential TEXT COLLATE "C" NOT NULL DEFAULT '';      -- the one that it uses; empty: none
ALTER TABLE device ADD COLUMN credential_use TEXT NOT NULL DEFAULT ''; -- sealed: its name again, so that nobody who writes the catalog can hand it to another host
CREATE INDEX device_credential ON device (credential) WHERE credential <> '';
