-- +goose Up

ALTER TABLE device ADD COLUMN source TEXT COLLATE "C" NOT NULL DEFAULT ''; -- the list that it came from; empty: somebody added it by hand
