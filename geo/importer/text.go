package importer

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// maxRow is the most bytes that one row may take: an unclosed quote or bracket must not read a whole disk into memory.
const maxRow = 32 << 20

// text passes a file's bytes on, as long as they are text: UTF-8 without NUL, its byte order mark taken off.
// It counts lines, and bytes since the last row.
type text struct {
	name string
	in   io.Reader
	read int64  // bytes taken from in
	out  int64  // bytes passed on
	line int    // of the next byte
	part []byte // the beginning of a sign whose end was not read yet
	row  int64  // out, when the last row was complete
	err  error
}

func newText(name string, r io.Reader) *text { return &text{name: name, in: r, line: 1} }

// Read implements io.Reader.
func (t *text) Read(p []byte) (int, error) {
	if t.err != nil {
		return 0, t.err
	}
	if len(p) < utf8.UTFMax+3 {
		return 0, io.ErrShortBuffer
	}
	n := copy(p, t.part)
	t.part = t.part[:0]
	m, err := t.in.Read(p[n:])
	first := t.read == 0
	t.read += int64(m)
	b := p[:n+m]
	if first && len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[:copy(b, b[3:])]
	}
	good := 0
	for good < len(b) {
		c := b[good]
		switch {
		case c == '\n':
			t.line++
			good++
		case c == 0:
			return 0, t.fail(Text{"含有 NUL 字节: 不是文本文件 (是 Excel 或压缩包吗?), 请导出为 UTF-8 的 CSV 或 GeoJSON",
				"a NUL byte: this is not a text file (Excel, a zip?); export it as CSV or GeoJSON in UTF-8"})
		case c < utf8.RuneSelf:
			good++
		case !utf8.FullRune(b[good:]) && err == nil:
			t.part = append(t.part, b[good:]...)
			b = b[:good]
		default:
			r, size := utf8.DecodeRune(b[good:])
			if r == utf8.RuneError && size <= 1 {
				return 0, t.fail(Text{"不是 UTF-8 编码 (可能是 GB18030/GBK 或 Big5): 请另存为 UTF-8",
					"not UTF-8 (GB18030, GBK or Big5 perhaps): save the file as UTF-8"})
			}
			good += size
		}
	}
	t.out += int64(good)
	if t.out-t.row > maxRow {
		return 0, t.fail(Text{"一行超过 32 MiB: 是否有未闭合的引号或括号?", "one row of more than 32 MiB: is a quote or bracket left open?"})
	}
	if err != nil {
		t.err = err
		if err != io.EOF {
			t.err = fmt.Errorf("read %s: %w", t.name, err)
		}
	}
	if good == 0 && t.err != nil {
		return 0, t.err
	}
	return good, nil
}

func (t *text) fail(reason Text) error {
	t.err = &FileError{t.name, t.line, reason}
	return t.err
}

// rowEnds says that a row is complete; what was read ahead of it counts to the next.
func (t *text) rowEnds() { t.row = t.out }
