-- +goose Up

ALTER TABLE run ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0; -- copied

-- Earlier versions counted a cancelled backup as a failed one.
UPDATE device_state SET
    (last_run, last_started, last_ended) = (SELECT n, started, ended FROM run
        WHERE device = device_state.device AND kind = 'backup' AND cause <> 'cancelled' ORDER BY started DESC, n DESC LIMIT 1),
    last_failed = (SELECT n FROM run
        WHERE device = device_state.device AND kind = 'backup' AND cause <> 'cancelled' AND ended IS NOT NULL AND status NOT IN ('ok', 'unchanged')
        ORDER BY started DESC, n DESC LIMIT 1);
UPDATE device_state SET last_status = coalesce((SELECT status FROM run WHERE n = last_run), '');
