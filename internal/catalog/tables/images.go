package tables

import (
	"context"
	"fmt"
	"maps"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/flash"
)

// Images returns the distinct images: those in the vault first, then those
// that devices run and the vault does not have; by name within both.
func (c index) Images(ctx context.Context) ([]api.Image, error) {
	images, err := c.keptImages(ctx)
	if err != nil {
		return nil, c.wrap("list images", err)
	}
	lacking, err := c.lackingImages(ctx)
	if err != nil {
		return nil, c.wrap("list images", err)
	}
	return append(images, lacking...), nil
}

// ofImages is the condition of the index file_image.
const ofImages = `kind IN ('image', 'package')`

// kept selects each content and path of images and packages once, with the newest version
// that ran from it. It steps through the index file_image from one to the next: thousands
// of snapshots have the same ones. The steps are two, because SQLite searches an index only
// by the first column of a comparison of rows.
const kept = `WITH RECURSIVE step (n, blob, kind, path) AS (
		SELECT * FROM (SELECT rowid, blob, kind, path FROM file WHERE ` + ofImages + ` AND blob IS NOT NULL ORDER BY blob, path LIMIT 1) AS first
		UNION ALL
		SELECT next.rowid, next.blob, next.kind, next.path FROM step JOIN file AS next ON next.rowid = coalesce(
			(SELECT rowid FROM file WHERE ` + ofImages + ` AND blob = step.blob AND path > step.path ORDER BY path LIMIT 1),
			(SELECT rowid FROM file WHERE ` + ofImages + ` AND blob > step.blob ORDER BY blob, path LIMIT 1)))
	SELECT blob, kind, path, coalesce((
		SELECT max(runs) FROM file WHERE ` + ofImages + ` AND file.blob = step.blob AND file.path = step.path), '') AS version FROM step`

// selectKept adds the blobs to kept. It is a left join, so that SQLite does not begin with
// all blobs.
const selectKept = `SELECT blob.n, blob.sha256, blob.md5, blob.size, blob.image, blob.published, found.kind, found.path, found.version
	FROM (` + kept + `) AS found LEFT JOIN blob ON blob.n = found.blob`

// forgetRunning and refreshRunning enter the files that a device ran at its newest
// backup, with the blob that the vault has of them: of this backup, else of an older one
// that found the same software and the same file. A backup without any such file is one
// row without a path. A snapshot of a file that was received does not say what the device
// runs.
const (
	forgetRunning  = `DELETE FROM running_file WHERE device = ?1`
	refreshRunning = `INSERT INTO running_file (device, version, image, path, kind, size, cause, snapshot, source, blob)
	SELECT snapshot.device, coalesce(file.runs, snapshot.version), snapshot.image, file.path, file.kind, file.size, file.cause,
		snapshot.n, kept.snapshot, kept.blob
	FROM snapshot LEFT JOIN file ON file.snapshot = snapshot.n AND file.runs IS NOT NULL
		LEFT JOIN file AS kept ON kept.rowid = CASE WHEN file.blob IS NOT NULL THEN file.rowid ELSE (
			SELECT same.rowid FROM snapshot AS older JOIN file AS same ON same.snapshot = older.n
			WHERE older.device = snapshot.device AND older.version = snapshot.version AND replace(older.image, ':/', ':') = replace(snapshot.image, ':/', ':')
				AND same.runs IS NOT NULL AND same.blob IS NOT NULL AND (file.path IS NULL OR same.path = file.path AND same.size = file.size)
			ORDER BY older.id DESC LIMIT 1) END
	WHERE snapshot.n = (SELECT n FROM snapshot WHERE device = ?1 AND image <> '' ORDER BY id DESC LIMIT 1)`
)

// keptImages returns the images in the vault.
func (c index) keptImages(ctx context.Context) ([]api.Image, error) {
	rows, err := c.query(ctx, selectKept)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	kept := map[int64]*api.Image{} // by blob.n
	for rows.Next() {
		var i api.Image
		var n int64
		var filePath, image string
		if err := rows.Scan(&n, &i.SHA256, &i.MD5, &i.Size, &image, &i.Published, &i.Kind, &filePath, &i.Version); err != nil {
			return nil, err
		}
		known, ok := kept[n]
		if !ok {
			if i.Image, err = decodeImage(image); err != nil {
				return nil, err
			}
			i.InVault, i.Devices = true, []string{}
			known = &i
			kept[n] = known
		}
		known.Version = max(known.Version, i.Version)
		known.Names = append(known.Names, flash.ParsePath(filePath).Base())
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if err := c.addDevices(ctx, kept); err != nil {
		return nil, err
	}
	return catalog.SortImages(maps.Values(kept)), nil
}

// addDevices enters the devices that run the images. Of another unit the version is
// not known.
func (c index) addDevices(ctx context.Context, kept map[int64]*api.Image) error {
	rows, err := c.query(ctx, `SELECT blob, device, version FROM running_file WHERE blob IS NOT NULL`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		var device, version string
		if err := rows.Scan(&n, &device, &version); err != nil {
			return err
		}
		i, ok := kept[n]
		if !ok {
			continue
		}
		i.Devices = append(i.Devices, device)
		if i.Image.Contradicts(version) {
			i.Disagreements = append(i.Disagreements, fmt.Sprintf("%s says that it runs %s, the file says that it is %s", device, version, i.Image.Version))
		}
	}
	return rows.Err()
}

// lackingImages returns the images that devices ran when they were last
// backed up, and that were not saved from them, then or before.
func (c index) lackingImages(ctx context.Context) ([]api.Image, error) {
	rows, err := c.query(ctx, `
		SELECT device, version, image, path, kind, size, cause FROM running_file WHERE blob IS NULL ORDER BY device, path`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byName := map[string]*api.Image{}
	for rows.Next() {
		i, err := scanLacking(rows)
		if err != nil {
			return nil, err
		}
		key := i.Names[0] + "\x00" + i.Version
		if known, ok := byName[key]; ok {
			known.Devices = append(known.Devices, i.Devices...)
			known.Size = max(known.Size, i.Size)
			continue
		}
		byName[key] = &i
	}
	return catalog.SortImages(maps.Values(byName)), rows.Err()
}

// scanLacking reads one row of lackingImages. Where the snapshot has no file
// of the running image at all, the columns of the file are NULL.
func scanLacking(rows interface{ Scan(...any) error }) (api.Image, error) {
	var device, version, image string
	var filePath, kind *string
	var cause *api.Cause
	var size *int64
	if err := rows.Scan(&device, &version, &image, &filePath, &kind, &size, &cause); err != nil {
		return api.Image{}, err
	}
	i := api.Image{Kind: api.KindImage, Version: version, Size: -1, Devices: []string{device}}
	if filePath == nil {
		i.Names = []string{flash.ParsePath(image).Base()}
		return i, nil
	}
	i.Names, i.Kind, i.Size, i.Cause = []string{flash.ParsePath(*filePath).Base()}, *kind, *size, *cause
	return i, nil
}

// SetPublished remembers what a list of published digests says of images.
func (c index) SetPublished(ctx context.Context, verdicts map[string]string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for sum, verdict := range verdicts {
			if _, err := on.exec(ctx, `UPDATE blob SET published = ? WHERE sha256 = ?`, verdict, sum); err != nil {
				return err
			}
		}
		return nil
	})
	return c.wrap("remember what images are published", err)
}
