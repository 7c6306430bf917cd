package migrations_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"gridwall/migrations"
	"gridwall/migrations/dbtest"
)

func TestMigratingTwiceChangesNothing(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := migrations.Up(t.Context(), conn, func(name string) { t.Errorf("ran %s again", name) }); err != nil {
		t.Fatal(err)
	}
}

func TestANewerSchemaIsRefused(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `INSERT INTO migration (version, name) VALUES (9999, 'of tomorrow')`); err != nil {
		t.Fatal(err)
	}
	if err := migrations.Up(t.Context(), conn, nil); !errors.Is(err, migrations.ErrNewer) {
		t.Fatalf("got %v, want ErrNewer", err)
	}
}

// What an import changed is kept as the text of whole rows: a migration that adds a column must add it there, too, or the
// import can no longer be undone, and a start that seals kept rows fails.
func TestRowsThatImportsKeptOutliveEveryMigration(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), dbtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `DROP SCHEMA public CASCADE; CREATE SCHEMA public`); err != nil {
		t.Fatal(err)
	}
	const before = `
INSERT INTO grid (code, level, name, geom, label) VALUES ('1', 'grid', 'g', ST_Multi(ST_MakeEnvelope(0, 0, 1, 1, 4326)), ST_SetSRID(ST_MakePoint(0.5, 0.5), 4326));
INSERT INTO building (name, geom) VALUES ('b', ST_SetSRID(ST_MakePoint(0.5, 0.5), 4326));
INSERT INTO camera (id, name, url, geom) VALUES ('c', 'c', 'rtsp://127.0.0.1/c', ST_SetSRID(ST_MakePoint(0.5, 0.5), 4326));
INSERT INTO backdrop (kind, geom) VALUES ('road', ST_SetSRID(ST_MakeLine(ST_MakePoint(0, 0), ST_MakePoint(1, 1)), 4326));
INSERT INTO import (kind, file, datum) VALUES ('cameras', 'f', 'wgs84');
INSERT INTO import_change (import, layer, key, before)
SELECT 1, layer, 'k', row FROM (SELECT 'grid' AS layer, r::text AS row FROM grid AS r UNION ALL SELECT 'building', r::text FROM building AS r
    UNION ALL SELECT 'camera', r::text FROM camera AS r UNION ALL SELECT 'backdrop', r::text FROM backdrop AS r) AS rows`
	filled := false
	err = migrations.Up(t.Context(), conn, func(name string) {
		if strings.HasPrefix(name, "0011_") { // the tables that keep rows are those of 0010
			if _, err := conn.Exec(t.Context(), before); err != nil {
				t.Fatal(err)
			}
			filled = true
		}
	})
	if err != nil || !filled {
		t.Fatalf("%v, filled %t", err, filled)
	}
	for _, layer := range []string{"grid", "building", "camera", "backdrop"} {
		var same bool
		if err := conn.QueryRow(t.Context(), `SELECT before::`+layer+` IS NOT DISTINCT FROM (SELECT r FROM `+layer+` AS r LIMIT 1) FROM import_change WHERE layer = $1`, layer).Scan(&same); err != nil {
			t.Errorf("%s: %v", layer, err)
		} else if !same {
			t.Errorf("%s: the kept row is not the row that it was", layer)
		}
	}
}
