package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"

	"flashwarden/internal/catalog/sqlite"
)

// makeCatalog fills a new catalog by SQL: the operations would take hours.
func makeCatalog(ctx context.Context, data string, devices, each int) error {
	path := filepath.Join(data, "catalog.db")
	c, err := sqlite.Open(path) // makes the tables
	if err != nil {
		return err
	}
	if err := c.Close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=cache_size(-400000)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range fleet {
		if _, err := db.ExecContext(ctx, statement, sql.Named("devices", devices), sql.Named("each", each)); err != nil {
			return fmt.Errorf("%.60s: %w", statement, err)
		}
	}
	if _, err := db.ExecContext(ctx, "PRAGMA journal_mode(WAL)"); err != nil {
		return err
	}
	return db.Close()
}

// fleet makes the rows of a fleet: snapshot number d*each+r+1 is that of device d in
// round r. Every tenth night, the last one too, a second backup of every device failed. Blobs: 200 images, a vlan.dat for each device, and a configuration for
// each device and five rounds. Each device has a pinned key of RSA with 2048 bits.
var fleet = []string{
	`CREATE TEMP TABLE device_number AS WITH RECURSIVE d(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM d WHERE n + 1 < :devices) SELECT n, printf('sw%05d', n) AS name FROM d`,
	`CREATE TEMP TABLE round AS WITH RECURSIVE r(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM r WHERE n + 1 < :each)
		SELECT n, strftime('%Y%m%dT020000Z', '2025-01-01', '+' || n || ' days') AS stamp, unixepoch('2025-01-01 02:00:00', '+' || n || ' days') AS started FROM r`,
	`INSERT INTO device (name, address, transport, username, site, device_group, tftp_address, vrf, files, legacy_crypto, password, enable_password)
		SELECT name, '192.0.2.1', 'ssh', 'backup', 'site' || (n % 20), '', '', '', '', 0, '', '' FROM device_number`,
	`INSERT INTO host_key (host, via, key) SELECT name || '.example.net', '', printf('ssh-rsa %.*c', 372, 'A') FROM device_number`,
	`INSERT INTO blob (n, sha256, md5, size) SELECT n + 1, printf('%064x', n + 1), printf('%032x', n + 1), 18000000 FROM device_number WHERE n < 200`,
	`INSERT INTO blob (n, sha256, md5, size) SELECT 1000 + n, printf('%064x', 1000 + n), printf('%032x', 1000 + n), 700 FROM device_number`,
	`INSERT INTO blob (n, sha256, md5, size) SELECT 1000000 + d.n * (:each / 5 + 1) + r.n / 5, printf('%064x', 1000000 + d.n * (:each / 5 + 1) + r.n / 5),
		printf('%032x', 1000000 + d.n * (:each / 5 + 1) + r.n / 5), 5000 FROM device_number AS d JOIN round AS r WHERE r.n % 5 = 0`,
	`INSERT INTO snapshot (n, id, document, previous, device, started, status, model, version, image, files, bytes, received, runs)
		SELECT d.n * :each + r.n + 1, r.stamp || '-' || d.name || '-aaaa', r.stamp || '-' || d.name || '-aaaa.' || printf('%064x', d.n * :each + r.n + 1),
			CASE r.n WHEN 0 THEN '' ELSE (SELECT stamp FROM round WHERE n = r.n - 1) || '-' || d.name || '-aaaa.' || printf('%064x', d.n * :each + r.n) END,
			d.name, r.started, 'ok', 'WS-C3750G-24TS-1U', '15.0(2)SE8', 'flash:/c3750.bin', 3, 18005700, 0, 1
		FROM device_number AS d JOIN round AS r`,
	`INSERT INTO file (snapshot, blob, path, kind, size, cause, runs) SELECT d.n * :each + r.n + 1, d.n % 200 + 1, 'flash:/c3750.bin', 'image', 18000000, '', '15.0(2)SE8' FROM device_number AS d JOIN round AS r`,
	`INSERT INTO file (snapshot, blob, path, kind, size, cause) SELECT d.n * :each + r.n + 1, 1000 + d.n, 'flash:/vlan.dat', 'vlan', 700, '' FROM device_number AS d JOIN round AS r`,
	`INSERT INTO file (snapshot, blob, path, kind, size, cause) SELECT d.n * :each + r.n + 1, 1000000 + d.n * (:each / 5 + 1) + r.n / 5, 'system:running-config', 'config', 5000, '' FROM device_number AS d JOIN round AS r`,
	`INSERT INTO run (n, id, device, kind, started, ended, status, cause, message, hint, attempts, snapshot, model, version, image, bytes)
		SELECT r.n * :devices + d.n + 1, r.stamp || '-' || d.name, d.name, 'backup', r.started, r.started + 71, 'ok', '', '', '', 1, r.stamp || '-' || d.name || '-aaaa',
			'WS-C3750G-24TS-1U', '15.0(2)SE8', 'flash:/c3750.bin', 5000
		FROM round AS r JOIN device_number AS d`,
	`INSERT INTO run (n, id, device, kind, started, ended, status, cause, message, hint, attempts, snapshot, model, version, image)
		SELECT (:each + (:each - 1 - r.n) / 10) * :devices + d.n + 1, r.stamp || '-' || d.name || '-failed', d.name, 'backup', r.started + 3600, r.started + 3640, 'failed', 'no_request',
			d.name || ' at 192.0.2.1 sent no TFTP request to 192.0.2.250 in 40 s',
			'permit UDP 69 and 1056-1059 from 192.0.2.1 to 192.0.2.250. Look in this order:' || printf('%.*c', 700, 'x'), 3, '', '', '', ''
		FROM round AS r JOIN device_number AS d WHERE (:each - 1 - r.n) % 10 = 0`,
	`INSERT INTO device_state (device, newest_id, newest_started, newest_status, good, good_id, good_started, holds, proved, seen, model, version, image,
			last_run, last_started, last_ended, last_status, last_failed)
		SELECT s.device, s.id, s.started, s.status, s.n, s.id, s.started, 1, s.started, s.started, s.model, s.version, s.image,
			r.n, r.started, r.ended, r.status, r.n
		FROM snapshot AS s JOIN run AS r ON r.n = :each * :devices + s.n / :each WHERE s.n % :each = 0`,
	`ANALYZE`,
}
