-- +goose Up

-- The queue. Times are milliseconds since 1970, UTC.
CREATE TABLE job (
    id        TEXT PRIMARY KEY,             -- begins with the time: its order is that of time
    kind      TEXT    NOT NULL,
    device    TEXT NOT NULL,                -- empty: it is on no device
    site      TEXT    NOT NULL,
    login     TEXT NOT NULL,                -- whose logins are counted together; empty: it logs in nowhere
    person    BOOLEAN NOT NULL,                -- a person waits for it
    actor     TEXT    NOT NULL,                -- who asked for it
    request   TEXT    NOT NULL,                -- JSON
    slot      BIGINT,                          -- of the schedule; NULL: it is not from the schedule
    state     TEXT    NOT NULL,
    created   BIGINT  NOT NULL,
    due       BIGINT  NOT NULL,
    started   BIGINT,
    ended     BIGINT,
    tries     BIGINT  NOT NULL DEFAULT 0,
    cancelled BOOLEAN NOT NULL DEFAULT FALSE,  -- somebody asked to end it
    cause     TEXT    NOT NULL DEFAULT '',
    message   TEXT    NOT NULL DEFAULT '',
    hint      TEXT    NOT NULL DEFAULT '',
    result    TEXT    NOT NULL DEFAULT ''      -- JSON; empty: none
);
CREATE INDEX job_waiting ON job (login, person DESC, due, id) WHERE state IN ('queued', 'retrying');
CREATE INDEX job_running ON job (device) WHERE state = 'running';
CREATE INDEX job_device ON job (device, id);
CREATE INDEX job_waiting_device ON job (device) WHERE state IN ('queued', 'retrying');
CREATE INDEX job_state ON job (state, id);
CREATE INDEX job_ended ON job (ended);

-- The newest time of the schedule for which a device got a job.
CREATE TABLE slot (
    kind   TEXT NOT NULL,
    device TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (kind, device)
);

-- Who may work on something alone, and until when. The token grows with each holder, so
-- the row stays.
CREATE TABLE lease (
    name   TEXT PRIMARY KEY,
    token  BIGINT NOT NULL,
    job    TEXT NOT NULL,                   -- empty: it belongs to no job
    holder TEXT NOT NULL,                   -- the worker; empty: it is free
    until  BIGINT NOT NULL                     -- 0: it is free
);
CREATE INDEX lease_job ON lease (job) WHERE job <> '';

-- When the newest login of a site and credential began.
CREATE TABLE login (
    login TEXT PRIMARY KEY,
    at    BIGINT NOT NULL
);
