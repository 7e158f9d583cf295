-- +goose Up

ALTER TABLE snapshot ADD COLUMN warnings TEXT NOT NULL DEFAULT '';            -- a JSON array of texts; empty: none
ALTER TABLE device_state ADD COLUMN warnings TEXT NOT NULL DEFAULT '';        -- of the newest backup
ALTER TABLE device_state ADD COLUMN image_bad BOOLEAN NOT NULL DEFAULT FALSE; -- the running image in good fails its own checksums
