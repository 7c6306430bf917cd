package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cameras/seal"
	"gridwall/dashboard/live"
	"gridwall/dashboard/roster"
	"gridwall/geo"
	"gridwall/geo/backdrop"
	"gridwall/geo/building"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
)

const importUsage = `import KIND FILE --datum=wgs84|cgcs2000|gcj02|bd09 [flags]

KIND is grids, buildings, cameras or backdrop (GeoJSON or a sequence of features, zipped shapefile, GeoPackage, KML, KMZ,
CSV or Excel), or departments or officers (CSV, no datum).
All rows go in or none: the report names the line and the reason of each that is refused, --faults writes where they lie.

  gridwall import grids streets.geojson --datum=cgcs2000 --level=street
  gridwall import grids cells.geojson --datum=wgs84 --level=grid --columns=code=smd,parent=anc
  gridwall import buildings addresses.csv --datum=gcj02 --dry-run
  gridwall import backdrop roads.geojson --datum=wgs84 --values=kind=road,class=arterial
  gridwall import buildings 楼栋.zip --datum=cgcs2000 --encoding=gbk --faults=faults.geojson
  gridwall import undo
`

// errRefused ends an import whose report has been printed.
const errRefused = exitStatus(1)

func importFile(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "undo" {
		return undoImport(ctx, args[1:])
	}
	var s settings
	var o importOptions
	flags := s.flags("import", importUsage)
	datum := flags.String("datum", "", "datum of the coordinates: wgs84, cgcs2000, gcj02 (高德, 腾讯) or bd09 (百度)")
	level := flags.String("level", "grid", "level of the grids: street, community or grid")
	flags.StringVar((*string)(&o.grid.Kind), "kind", "service", "kind of the grids: service or unit")
	flags.StringVar((*string)(&o.grid.ParentBy), "parent-by", "", "how a grid finds its parent: column, prefix (of the code) or within (the grid that holds it); default what fits the file")
	columns := flags.String("columns", "", "which column holds a field: code=smd,parent=anc")
	values := flags.String("values", "", "one value of a field for the whole file: kind=road")
	flags.BoolVar(&o.dryRun, "dry-run", false, "check everything, write nothing")
	flags.StringVar(&o.reader.Layer, "layer", "", "layer of a GeoPackage, shapefile of a zip or sheet of a workbook, where there are several")
	flags.StringVar(&o.reader.Encoding, "encoding", "", "encoding of the text where it is not declared: "+importer.Encodings)
	faults := flags.String("faults", "", "write where the refused rows lie to this GeoJSON file")
	asJSON := flags.Bool("json", false, "print the report as JSON")
	lang := flags.String("lang", env("LANG", "en"), "language of the report: zh or en")
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		flags.Usage()
		return exitStatus(2)
	}
	o.reader.Datum = crs.Datum(*datum)
	if o.reader.Columns, err = pairs(*columns); err != nil {
		return fmt.Errorf("--columns: %w", err)
	}
	if o.reader.Values, err = pairs(*values); err != nil {
		return fmt.Errorf("--values: %w", err)
	}
	if o.grid.Level, err = grid.ParseLevel(*level); err != nil {
		return err
	}
	file, err := os.Open(rest[1])
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	source := source{kind: rest[0], name: info.Name(), size: info.Size(), Reader: file}
	probe, err := source.open(o)
	if err != nil { // a file that cannot be read needs no database
		return say(err, *lang)
	}
	if probe != nil {
		probe.Close()
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	if source.kind == "cameras" {
		if o.keys, err = s.openKeys(ctx, pool); err != nil {
			return errors.Join(err, stop())
		}
	}
	o.progress = terminalProgress()
	report, err := importInto(ctx, pool, source, o)
	clearProgress()
	if report != nil {
		if *faults != "" {
			if err := os.WriteFile(*faults, report.Faults(), 0o644); err != nil {
				return errors.Join(err, stop())
			}
		}
		if *asJSON {
			text, _ := json.MarshalIndent(report, "", "  ")
			fmt.Println(string(text))
		} else {
			fmt.Print(report.In(*lang))
		}
	}
	if errors.Is(err, importer.ErrRefused) {
		err = errRefused
	}
	return errors.Join(say(err, *lang), stop())
}

// say puts a fault of the file into the language asked for.
func say(err error, lang string) error {
	var fault *importer.FileError
	if errors.As(err, &fault) {
		return errors.New(fault.In(lang))
	}
	return err
}

type importOptions struct {
	reader   importer.Options
	grid     grid.Options
	dryRun   bool
	keys     *seal.Keyring // seal what opens cameras; nil: it lies open until a server starts
	progress importer.Progress
}

// source is a file, or something that reads like one.
type source struct {
	kind string // grids, buildings, cameras, backdrop, departments or officers
	name string
	size int64
	io.Reader
}

// open begins to read rows with a place; nil for the rosters, which have none.
func (s source) open(o importOptions) (*importer.Reader, error) {
	switch s.kind {
	case "cameras":
		o.reader.Aliases = cameras.Aliases
	case "grids", "buildings", "backdrop":
	case "departments", "officers":
		return nil, nil
	default:
		return nil, fmt.Errorf("cannot import %q: choose grids, buildings, cameras, backdrop, departments or officers", s.kind)
	}
	return importer.NewReader(s.name, s.Reader, s.size, o.reader)
}

// importInto writes a file and its event in one transaction. With importer.ErrRefused nothing was written and the report says why.
func importInto(ctx context.Context, pool *pgxpool.Pool, s source, o importOptions) (*importer.Report, error) {
	in, err := s.open(o)
	if err != nil {
		return nil, err
	}
	if in != nil {
		defer in.Close()
	}
	var report *importer.Report
	tx, err := pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	changed := strings.TrimSuffix(s.kind, "s") + ".changed"
	var journal int64
	if in != nil {
		if journal, err = importer.Begin(ctx, tx, s.kind, in.Name(), in.Datum()); err != nil {
			return nil, err
		}
	}
	switch s.kind {
	case "grids":
		o.grid.Progress = o.progress
		report, err = grid.Import(ctx, tx, in, o.grid)
	case "buildings":
		report, err = building.Import(ctx, tx, in, building.Options{Progress: o.progress})
	case "backdrop":
		report, err = backdrop.Import(ctx, tx, in, backdrop.Options{Progress: o.progress})
	case "cameras":
		report, err = importCameras(ctx, pool, tx, in, o)
	default:
		changed = "roster.changed"
		report, err = importRoster(ctx, tx, s)
	}
	if report != nil {
		report.DryRun = o.dryRun
	}
	if err != nil || o.dryRun {
		return report, err
	}
	if s.kind == "grids" {
		moved, err := cameras.Relocate(ctx, tx)
		if err != nil {
			return report, err
		}
		if moved > 0 {
			if _, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: time.Now(), Data: struct{}{}}); err != nil {
				return report, err
			}
		}
	}
	if in != nil {
		if err := importer.Finish(ctx, tx, journal, report.Written); err != nil {
			return report, err
		}
	}
	change, err := geo.Changed(ctx, tx)
	if err != nil {
		return report, err
	}
	if _, err := live.Append(ctx, tx, live.Draft{Type: changed, At: time.Now(), Data: change.Event()}); err != nil {
		return report, err
	}
	return report, tx.Commit(ctx)
}

func importCameras(ctx context.Context, pool *pgxpool.Pool, tx pgx.Tx, in *importer.Reader, o importOptions) (*importer.Report, error) {
	tree, err := grid.Load(ctx, tx)
	if err != nil {
		return nil, err
	}
	if err := (cameras.Act{How: "import"}).Sign(ctx, tx); err != nil {
		return nil, err
	}
	return cameras.New(pool, o.keys, nil, nil, newLog()).Import(ctx, tx, in, grid.NewIndex(tree), o.progress)
}

func importRoster(ctx context.Context, tx pgx.Tx, s source) (*importer.Report, error) {
	write := roster.ImportDepartments
	if s.kind == "officers" {
		write = roster.ImportOfficers
	}
	n, err := write(ctx, tx, s.Reader)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return &importer.Report{File: s.name, Read: n, Written: n}, nil
}
