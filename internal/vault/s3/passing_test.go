package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/minio/minio-go/v7"
)

// TestPassing: which errors of a put are worth another try. S3 answers 409 while another put of
// the same object goes on, which may fail.
func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{io.ErrUnexpectedEOF, true},
		{minio.ErrorResponse{StatusCode: 409}, true},
		{minio.ErrorResponse{StatusCode: 429}, true},
		{minio.ErrorResponse{StatusCode: 503}, true},
		{minio.ErrorResponse{StatusCode: 403}, false},
		{minio.ErrorResponse{StatusCode: 412}, false},
		{errors.Join(contentError{io.ErrUnexpectedEOF}, minio.ErrorResponse{StatusCode: 503}), false},
		{fmt.Errorf("put: %w", context.Canceled), false},
	} {
		if got := passing(c.err); got != c.want {
			t.Errorf("%v: %t; want %t", c.err, got, c.want)
		}
	}
}
