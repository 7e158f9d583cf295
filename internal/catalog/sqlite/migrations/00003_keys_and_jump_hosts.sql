-- +goose Up

ALTER TABLE device ADD COLUMN via             TEXT NOT NULL DEFAULT ''; -- USER@HOST[:PORT]; empty: directly
ALTER TABLE device ADD COLUMN via_password    TEXT NOT NULL DEFAULT ''; -- sealed
ALTER TABLE device ADD COLUMN via_identity    TEXT NOT NULL DEFAULT ''; -- sealed private key
ALTER TABLE device ADD COLUMN via_fingerprint TEXT NOT NULL DEFAULT ''; -- of via_identity
ALTER TABLE device ADD COLUMN identity        TEXT NOT NULL DEFAULT ''; -- sealed private key
ALTER TABLE device ADD COLUMN fingerprint     TEXT NOT NULL DEFAULT ''; -- of identity
