package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"flashwarden/api"
)

// snapshotList is a page of snapshots, the newest first.
type snapshotList struct {
	Snapshots []api.SnapshotRow `json:"snapshots"`
	Next      string            `json:"next_cursor"`
}

// imageList is all images.
type imageList struct {
	Images []api.Image `json:"images"`
}

func (r *resources) snapshots() {
	resource(r, http.MethodGet, "/snapshots", "Snapshots of one device or of all, the newest first", func(ctx context.Context, in *struct {
		Paged
		Device string `query:"device"`
	}) (*body[snapshotList], error) {
		rows, err := r.warden.Snapshots(ctx, api.Named{Name: in.Device})
		if err != nil {
			return nil, failed(err)
		}
		slices.Reverse(rows)
		part, next := pageDown(rows, in.Paged, func(s api.SnapshotRow) string { return s.ID })
		return &body[snapshotList]{snapshotList{part, next}}, nil
	})
	type ByID struct {
		ID string `path:"id"`
	}
	resource(r, http.MethodGet, "/snapshots/{id}", "One snapshot, or the newest one of a device", func(ctx context.Context, in *ByID) (*body[api.Snapshot], error) {
		return bodyOf(r.warden.Snapshot(ctx, api.Named{Name: in.ID}))
	})
	resource(r, http.MethodGet, "/snapshots/{id}/content", "One file of a snapshot", func(ctx context.Context, in *struct {
		ByID
		Path string `query:"path" required:"true"`
	}) (*huma.StreamResponse, error) {
		found, err := r.warden.Find(ctx, api.Named{Name: in.ID + ":" + in.Path})
		if err == nil && len(found.Files) != 1 {
			err = &api.Problem{Detail: fmt.Sprintf("%s has no content of %s", in.ID, in.Path), Exit: api.ExitUnknown}
		}
		if err != nil {
			return nil, failed(err)
		}
		found.Files[0].Snapshot = in.ID
		return r.download(ctx, found.Files[0])
	}, bytesOrParts)
	resource(r, http.MethodGet, "/diff", "What changed from snapshot a to b", func(ctx context.Context, in *struct {
		A string `query:"a" required:"true" doc:"a snapshot, or a device: then without b its two newest snapshots"`
		B string `query:"b"`
	}) (*body[api.DiffResult], error) {
		return bodyOf(r.warden.Diff(ctx, api.Diff{A: in.A, B: in.B}))
	})
}

// pageDown is page for a list whose keys fall.
func pageDown[T any](list []T, p Paged, key func(T) string) (part []T, next string) {
	from := 0
	if p.Cursor != "" {
		if from = slices.IndexFunc(list, func(one T) bool { return key(one) < p.Cursor }); from < 0 {
			return []T{}, ""
		}
	}
	part = list[from:min(from+p.limit(), len(list))]
	if from+len(part) < len(list) {
		next = key(part[len(part)-1])
	}
	return slices.Concat([]T{}, part), next
}

func (r *resources) images() {
	resource(r, http.MethodGet, "/images", "The distinct images: who runs them, and whether the vault has them", func(ctx context.Context, _ *struct{}) (*body[imageList], error) {
		images, err := r.warden.Images(ctx)
		return bodyOf(imageList{append([]api.Image{}, images...)}, err)
	})
	type bySHA256 struct {
		SHA256 string `path:"sha256" pattern:"^[0-9a-f]{64}$"`
	}
	find := func(ctx context.Context, sha256 string) (api.Image, error) {
		images, err := r.warden.Images(ctx)
		if err != nil {
			return api.Image{}, err
		}
		i := slices.IndexFunc(images, func(one api.Image) bool { return one.SHA256 == sha256 })
		if i < 0 {
			return api.Image{}, &api.Problem{Detail: "the vault has no image " + sha256, Exit: api.ExitUnknown}
		}
		return images[i], nil
	}
	resource(r, http.MethodGet, "/images/{sha256}", "One image of the vault", func(ctx context.Context, in *bySHA256) (*body[api.Image], error) {
		return bodyOf(find(ctx, in.SHA256))
	})
	resource(r, http.MethodGet, "/images/{sha256}/content", "The bytes of an image", func(ctx context.Context, in *bySHA256) (*huma.StreamResponse, error) {
		image, err := find(ctx, in.SHA256)
		if err != nil {
			return nil, failed(err)
		}
		name := in.SHA256 + ".bin"
		if len(image.Names) > 0 {
			name = image.Names[0]
		}
		return r.download(ctx, api.Content{Name: name, SHA256: in.SHA256, Size: image.Size})
	}, bytesOrParts)
}

// download sends one content of the vault, also parts of it (RFC 9110 section 14).
func (r *resources) download(ctx context.Context, c api.Content) (*huma.StreamResponse, error) {
	file := &seeker{open: func() (io.ReadCloser, error) { return r.warden.Open(ctx, c) }, size: c.Size}
	if err := file.reopen(); err != nil { // before the answer begins: it may be a problem
		return nil, failed(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		req, w := humago.Unwrap(hc)
		name := c.Name[strings.LastIndexAny(c.Name, "/:")+1:]
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", name))
		w.Header().Set("ETag", `"`+c.SHA256+`"`)
		if strings.Contains(req.Header.Get("Range"), ",") {
			// Many ranges would have the vault read the content as often. RFC 9110 section 14.2
			// lets a server ignore them.
			req.Header.Del("Range")
		}
		http.ServeContent(w, req, "", time.Time{}, file)
	}}, nil
}

// bytesOrParts describes the answers of download.
func bytesOrParts(o *huma.Operation) {
	file := map[string]*huma.MediaType{"application/octet-stream": {}}
	o.Responses = map[string]*huma.Response{
		"200": {Description: "The whole content", Content: file},
		"206": {Description: "The part of the file that Range requests", Content: file},
		"304": {Description: "The client already has the file"},
		"412": {Description: "The file does not match If-Match"},
		"416": {Description: "The file has no such part"},
	}
}

// seeker lets a reader that only goes forward begin elsewhere: it opens it again.
type seeker struct {
	open func() (io.ReadCloser, error)
	size int64

	body io.ReadCloser
	at   int64 // of body
	want int64
}

func (s *seeker) reopen() (err error) {
	if s.body != nil {
		if err := s.body.Close(); err != nil {
			return err
		}
	}
	s.at = 0
	s.body, err = s.open()
	return err
}

// Read reads from the place where Seek went.
func (s *seeker) Read(p []byte) (int, error) {
	if s.want < s.at {
		if err := s.reopen(); err != nil {
			return 0, err
		}
	}
	if s.want > s.at {
		n, err := io.CopyN(io.Discard, s.body, s.want-s.at)
		s.at += n
		if err != nil {
			return 0, err
		}
	}
	n, err := s.body.Read(p)
	s.at += int64(n)
	s.want = s.at
	return n, err
}

// Seek sets where the next Read begins.
func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.want
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	s.want = offset
	return offset, nil
}

// Close closes the reader.
func (s *seeker) Close() error { return s.body.Close() }
