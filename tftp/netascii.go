package tftp

// netasciiEncoder converts local text to netascii (RFC 1350 section 5, RFC 764):
// LF becomes CR LF, CR becomes CR NUL.
type netasciiEncoder struct {
	pending byte // second byte of a pair that did not fit
	has     bool
}

// encode fills dst from src. It returns the number of bytes used of each.
func (e *netasciiEncoder) encode(dst, src []byte) (nDst, nSrc int) {
	for nDst < len(dst) {
		if e.has {
			dst[nDst], e.has = e.pending, false
			nDst++
			continue
		}
		if nSrc == len(src) {
			break
		}
		c := src[nSrc]
		nSrc++
		switch c {
		case '\n':
			dst[nDst], e.pending, e.has = '\r', '\n', true
		case '\r':
			dst[nDst], e.pending, e.has = '\r', 0, true
		default:
			dst[nDst] = c
		}
		nDst++
	}
	return nDst, nSrc
}

// netasciiDecoder converts netascii to local text: CR LF becomes LF, CR NUL
// becomes CR, a CR before any other byte stays.
type netasciiDecoder struct {
	cr bool // the last byte was a CR; its meaning depends on the next byte
}

// decode appends the text of src to dst. A pair may be split between two calls.
func (d *netasciiDecoder) decode(dst, src []byte) []byte {
	for _, c := range src {
		if d.cr {
			d.cr = false
			switch c {
			case '\n':
				dst = append(dst, '\n')
				continue
			case 0:
				dst = append(dst, '\r')
				continue
			}
			dst = append(dst, '\r')
		}
		if c == '\r' {
			d.cr = true
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// finish appends a pending CR at the end of the file.
func (d *netasciiDecoder) finish(dst []byte) []byte {
	if d.cr {
		d.cr = false
		dst = append(dst, '\r')
	}
	return dst
}
