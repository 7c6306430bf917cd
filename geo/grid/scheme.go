package grid

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Scheme is how codes are made: the digits that county, street, community and grid add, one after the other. A cell's
// code is that of its parent and a number; numbers run from west to east and from north to south, and none comes twice.
type Scheme [4]int

// National is the layout of GB/T 30428.1-2013: 6 digits of the county, then three each.
var National = Scheme{6, 3, 3, 3}

// ParseScheme reads a scheme like 6+3+3+3.
func ParseScheme(text string) (s Scheme, err error) {
	parts := strings.Split(text, "+")
	if len(parts) != len(s) {
		return s, fmt.Errorf("grid codes %q: give the digits of county, street, community and grid, like 6+3+3+3", text)
	}
	for i, p := range parts {
		if s[i], err = strconv.Atoi(strings.TrimSpace(p)); err != nil || s[i] < 1 || s[i] > 12 {
			return s, fmt.Errorf("grid codes %q: each part is 1 to 12 digits", text)
		}
	}
	return s, nil
}

// length is how long the code of a cell of that level is.
func (s Scheme) length(l Level) (n int) {
	for _, digits := range s[:l.depth()+2] {
		n += digits
	}
	return n
}

// next is the code that follows all under a parent; false where the parent's code is not of the scheme, or all are given.
func (s Scheme) next(t *Tree, parent Code, level Level, given func(Code) bool) (Code, bool) {
	digits := s[level.depth()+1]
	if level.depth() < 0 || len(parent) != s.length(level)-digits {
		return "", false
	}
	n := 0
	for _, c := range t.Children(parent) {
		if number, ok := strings.CutPrefix(c.Code, parent); ok && len(number) == digits {
			if v, err := strconv.Atoi(number); err == nil {
				n = max(n, v)
			}
		}
	}
	for {
		n++
		number := fmt.Sprintf("%0*d", digits, n)
		if len(number) > digits {
			return "", false
		}
		if code := parent + number; !given(code) && t.Cell(code) == nil {
			return code, true
		}
	}
}

// reading puts cells into the order in which they are numbered: rows from north to south, in a row from west to east. A
// cell whose middle is less than half a cell's height below the first of a row stands in that row.
func reading(cells []*Cell) {
	slices.SortFunc(cells, func(a, b *Cell) int { return cmp.Compare(b.Label[1], a.Label[1]) })
	for from := 0; from < len(cells); {
		first := cells[from]
		to := from + 1
		for to < len(cells) && first.Label[1]-cells[to].Label[1] < (first.Bound.Max[1]-first.Bound.Min[1])/2 {
			to++
		}
		slices.SortFunc(cells[from:to], func(a, b *Cell) int {
			return cmp.Or(cmp.Compare(a.Label[0], b.Label[0]), cmp.Compare(b.Label[1], a.Label[1]))
		})
		from = to
	}
}
