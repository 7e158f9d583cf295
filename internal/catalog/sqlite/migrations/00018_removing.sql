-- +goose Up

-- When a prune began to remove the content, in milliseconds since 1970, UTC; 0: none does.
ALTER TABLE condemned ADD COLUMN removing BIGINT NOT NULL DEFAULT 0;
