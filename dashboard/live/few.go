package live

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// mostFew is up to how many rows Few writes out.
const mostFew = 4

var (
	unnests = regexp.MustCompile(`unnest\(([^()]*)\)`)
	fews    sync.Map // texts by few
)

// few is a statement and the numbers of its rows.
type few struct {
	sql string
	n   [8]int
}

// Few rewrites a statement for few rows: the i-th unnest($1::type[], …) of it, of n[i] rows, becomes VALUES of the same
// parameters' elements. unnest fills a table of its own for each array, which is most of what storing a single row costs.
// The statement stays as it is where one of the numbers is above a few; so does an unnest of no rows.
func Few(sql string, n ...int) string {
	for _, rows := range n {
		if rows > mostFew {
			return sql
		}
	}
	key := few{sql: sql}
	copy(key.n[:], n)
	if text, ok := fews.Load(key); ok {
		return text.(string)
	}
	i := -1
	text := unnests.ReplaceAllStringFunc(sql, func(call string) string {
		if i++; n[i] == 0 {
			return call
		}
		arrays := strings.Split(unnests.FindStringSubmatch(call)[1], ",")
		rows := make([]string, n[i])
		for row := range rows {
			elements := make([]string, len(arrays))
			for j, array := range arrays {
				elements[j] = fmt.Sprintf("(%s)[%d]", strings.TrimSpace(array), row+1)
			}
			rows[row] = "(" + strings.Join(elements, ", ") + ")"
		}
		return "(VALUES " + strings.Join(rows, ", ") + ")"
	})
	fews.Store(key, text)
	return text
}
