-- +goose Up

-- Who is going to write a snapshot. If its process died, nobody takes the row out.
ALTER TABLE intended ADD COLUMN at BIGINT; -- its newest sign, milliseconds since 1970, UTC; NULL: not known
ALTER TABLE intended ADD COLUMN lease TEXT COLLATE "C" NOT NULL DEFAULT ''; -- empty: it needs none
ALTER TABLE intended ADD COLUMN token BIGINT NOT NULL DEFAULT 0;
UPDATE intended SET at = CAST(extract(epoch FROM now()) AS BIGINT) * 1000;
