package gpkg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// magic begins every SQLite 3 file.
const magic = "SQLite format 3\x00"

// maxRecord is the most bytes of one row: a hostile length must not take the memory of the machine.
const maxRecord = 32 << 20

// maxDepth is deeper than any tree of 2³² pages with two children each that a writer would leave.
const maxDepth = 40

// ErrBroken says that the bytes are no SQLite 3 database, or a damaged one.
var ErrBroken = errors.New("gpkg: the SQLite file is damaged")

// pages reads the pages of a database. Format: sqlite.org/fileformat2.html.
type pages struct {
	in     io.ReaderAt
	size   int // bytes a page
	usable int
	count  int64
	wal    bool
}

func openPages(in io.ReaderAt, size int64) (*pages, error) {
	head := make([]byte, 100)
	if _, err := in.ReadAt(head, 0); err != nil || string(head[:16]) != magic {
		return nil, fmt.Errorf("header: %w", ErrBroken)
	}
	p := &pages{in: in, size: int(binary.BigEndian.Uint16(head[16:]))}
	if p.size == 1 {
		p.size = 65536
	}
	p.usable = p.size - int(head[20])
	if p.size < 512 || p.size&(p.size-1) != 0 || p.usable < 480 {
		return nil, fmt.Errorf("page size %d: %w", p.size, ErrBroken)
	}
	if code := binary.BigEndian.Uint32(head[56:]); code > 1 {
		return nil, fmt.Errorf("text is UTF-16, UTF-8 is needed: %w", ErrBroken)
	}
	p.count = size / int64(p.size)
	p.wal = head[18] == 2
	return p, nil
}

func (p *pages) page(n uint32) ([]byte, error) {
	if n == 0 || int64(n) > p.count {
		return nil, fmt.Errorf("page %d of %d: %w", n, p.count, ErrBroken)
	}
	b := make([]byte, p.size)
	if _, err := p.in.ReadAt(b, int64(n-1)*int64(p.size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	return b, nil
}

// cursor walks the rows of one table in the order of their ids.
type cursor struct {
	p     *pages
	stack []place
	seen  int64 // pages read; more than the file has, and the tree is a circle
}

type place struct {
	page  []byte
	head  int // where the page's header begins
	inner bool
	cell  int // next
	cells int
}

func (p *pages) cursor(root uint32) (*cursor, error) {
	c := &cursor{p: p}
	return c, c.descend(root)
}

func (c *cursor) descend(n uint32) error {
	if c.seen++; c.seen > c.p.count || len(c.stack) > maxDepth {
		return fmt.Errorf("the tree is a circle: %w", ErrBroken)
	}
	page, err := c.p.page(n)
	if err != nil {
		return err
	}
	at := place{page: page}
	if n == 1 {
		at.head = 100
	}
	switch page[at.head] {
	case 5:
		at.inner = true
	case 13:
	default:
		return fmt.Errorf("page %d is of kind %d: %w", n, page[at.head], ErrBroken)
	}
	at.cells = int(binary.BigEndian.Uint16(page[at.head+3:]))
	c.stack = append(c.stack, at)
	return nil
}

// next returns a row's id and record; io.EOF after the last.
func (c *cursor) next() (id int64, record []byte, err error) {
	for len(c.stack) > 0 {
		top := &c.stack[len(c.stack)-1]
		if !top.inner {
			if top.cell < top.cells {
				cell, err := top.at(top.cell, 8)
				top.cell++
				if err != nil {
					return 0, nil, err
				}
				return c.leaf(cell)
			}
			c.stack = c.stack[:len(c.stack)-1]
			continue
		}
		i := top.cell
		top.cell++
		switch {
		case i < top.cells:
			cell, err := top.at(i, 12)
			if err == nil && len(cell) < 4 {
				err = ErrBroken
			}
			if err == nil {
				err = c.descend(binary.BigEndian.Uint32(cell))
			}
			if err != nil {
				return 0, nil, err
			}
		case i == top.cells:
			if err := c.descend(binary.BigEndian.Uint32(top.page[top.head+8:])); err != nil {
				return 0, nil, err
			}
		default:
			c.stack = c.stack[:len(c.stack)-1]
		}
	}
	return 0, nil, io.EOF
}

// at returns the bytes of cell i to the page's end; header is the length of the page's header.
func (p *place) at(i, header int) ([]byte, error) {
	pointer := p.head + header + 2*i
	if pointer+2 > len(p.page) {
		return nil, fmt.Errorf("cell %d: %w", i, ErrBroken)
	}
	offset := int(binary.BigEndian.Uint16(p.page[pointer:]))
	if offset < p.head+header || offset >= len(p.page) {
		return nil, fmt.Errorf("cell %d: %w", i, ErrBroken)
	}
	return p.page[offset:], nil
}

// leaf reads a cell, and the pages that its record flows over to.
func (c *cursor) leaf(cell []byte) (int64, []byte, error) {
	length, n := varint(cell)
	id, m := varint(cell[n:])
	if n == 0 || m == 0 || length > maxRecord {
		return 0, nil, fmt.Errorf("a row of %d bytes: %w", length, ErrBroken)
	}
	cell = cell[n+m:]
	here := local(int(length), c.p.usable)
	if here > len(cell) {
		return 0, nil, fmt.Errorf("a row runs over its page: %w", ErrBroken)
	}
	if here == int(length) {
		return int64(id), cell[:here], nil
	}
	if here+4 > len(cell) {
		return 0, nil, fmt.Errorf("a row runs over its page: %w", ErrBroken)
	}
	record := append(make([]byte, 0, min(length, 1<<20)), cell[:here]...)
	for next := binary.BigEndian.Uint32(cell[here:]); len(record) < int(length); {
		page, err := c.p.page(next)
		if err != nil {
			return 0, nil, err
		}
		record = append(record, page[4:min(c.p.usable, 4+int(length)-len(record))]...)
		next = binary.BigEndian.Uint32(page)
	}
	return int64(id), record, nil
}

// local is how many bytes of a record of that length stand in its leaf.
func local(length, usable int) int {
	most := usable - 35
	if length <= most {
		return length
	}
	least := (usable-12)*32/255 - 23
	if k := least + (length-least)%(usable-4); k <= most {
		return k
	}
	return least
}

// varint reads SQLite's big-endian integers of 1 to 9 bytes; n is 0 where b is too short.
func varint(b []byte) (v uint64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | uint64(b[n]&0x7f)
		n++
		if b[n-1] < 0x80 {
			return v, n
		}
	}
	if n < 8 || n >= len(b) {
		return 0, 0
	}
	return v<<8 | uint64(b[n]), n + 1
}

// values decodes a record: nil, int64, float64, string or []byte a column.
func values(record []byte) ([]any, error) {
	size, n := varint(record)
	if n == 0 || size < uint64(n) || size > uint64(len(record)) { // the header counts itself
		return nil, fmt.Errorf("record: %w", ErrBroken)
	}
	head, body := record[n:size], record[size:]
	var row []any
	for len(head) > 0 {
		kind, n := varint(head)
		if n == 0 {
			return nil, fmt.Errorf("record: %w", ErrBroken)
		}
		head = head[n:]
		var width uint64
		switch {
		case kind <= 4:
			width = kind
		case kind == 5:
			width = 6
		case kind == 6 || kind == 7:
			width = 8
		case kind >= 12:
			width = (kind - 12) / 2
		}
		if width > uint64(len(body)) {
			return nil, fmt.Errorf("record: %w", ErrBroken)
		}
		v := body[:width]
		body = body[width:]
		switch {
		case kind == 0:
			row = append(row, nil)
		case kind <= 6:
			row = append(row, integer(v))
		case kind == 7:
			row = append(row, math.Float64frombits(binary.BigEndian.Uint64(v)))
		case kind == 8, kind == 9:
			row = append(row, int64(kind-8))
		case kind < 12:
			return nil, fmt.Errorf("record: %w", ErrBroken)
		case kind%2 == 0:
			row = append(row, v)
		default:
			row = append(row, string(v))
		}
	}
	return row, nil
}

func integer(b []byte) int64 {
	v := int64(int8(b[0]))
	for _, c := range b[1:] {
		v = v<<8 | int64(c)
	}
	return v
}

// columnsOf reads the column names of a CREATE TABLE statement, and which of them is another name of the row's id (-1: none).
func columnsOf(sql string) (names []string, id int) {
	id = -1
	open := strings.IndexByte(sql, '(')
	if open < 0 {
		return nil, id
	}
	for _, part := range definitions(sql[open+1:]) {
		name, rest := word(part)
		if name == "" {
			continue
		}
		switch strings.ToUpper(name) {
		case "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT":
			if !strings.ContainsRune("\"[`", rune(strings.TrimSpace(part)[0])) {
				continue
			}
		}
		if f := strings.Fields(strings.ToUpper(rest)); len(f) >= 3 && f[0] == "INTEGER" && strings.Contains(strings.Join(f, " "), "PRIMARY KEY") {
			id = len(names)
		}
		names = append(names, name)
	}
	return names, id
}

// definitions cuts what stands in a CREATE TABLE's brackets at its outer commas.
func definitions(s string) (parts []string) {
	depth, from := 0, 0
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '[':
			quote = ']'
		case c == '(':
			depth++
		case c == ')' && depth == 0:
			return append(parts, s[from:i])
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

// word takes the name at the beginning of a definition.
func word(s string) (name, rest string) {
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if end, ok := map[byte]string{'"': `"`, '`': "`", '[': "]", '\'': "'"}[s[0]]; ok {
		name, rest, _ = strings.Cut(s[1:], end)
		return name, rest
	}
	if i := strings.IndexAny(s, " \t\r\n"); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
