-- +goose Up

-- The trusted SSH host keys. They are in the catalog alone.
CREATE TABLE host_key (
    host TEXT NOT NULL, -- HOST, or [HOST]:PORT if the port is not 22
    via  TEXT NOT NULL, -- the jump host on the way, in the same form; empty: none
    key  TEXT NOT NULL, -- its type and its base64
    PRIMARY KEY (host, via, key)
);
