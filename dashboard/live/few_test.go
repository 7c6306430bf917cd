package live

import "testing"

func TestFewWritesOutTheRowsOfUnnest(t *testing.T) {
	const sql = `WITH a AS (SELECT * FROM unnest($1::int[], $2::text[]) AS a (x, y)) SELECT * FROM unnest($3::bigint[]) AS b (z)`
	for _, c := range []struct {
		n    []int
		want string
	}{
		{[]int{1, 2}, `WITH a AS (SELECT * FROM (VALUES (($1::int[])[1], ($2::text[])[1])) AS a (x, y)) SELECT * FROM (VALUES (($3::bigint[])[1]), (($3::bigint[])[2])) AS b (z)`},
		{[]int{1, 0}, `WITH a AS (SELECT * FROM (VALUES (($1::int[])[1], ($2::text[])[1])) AS a (x, y)) SELECT * FROM unnest($3::bigint[]) AS b (z)`},
		{[]int{1, mostFew + 1}, sql},
	} {
		for range 2 { // made, and remembered
			if got := Few(sql, c.n...); got != c.want {
				t.Errorf("%v:\n%s\nwant\n%s", c.n, got, c.want)
			}
		}
	}
}
