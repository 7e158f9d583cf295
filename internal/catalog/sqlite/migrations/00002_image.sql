-- +goose Up

-- What the image file says of itself, as vault.Image in JSON; empty: not inspected.
ALTER TABLE blob ADD COLUMN image TEXT NOT NULL DEFAULT '';
