-- +goose Up

ALTER TABLE blob ADD COLUMN published TEXT NOT NULL DEFAULT ''; -- published, unknown, differs; empty: compared with no list
