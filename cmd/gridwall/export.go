package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"gridwall/assets"
	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/layers"
	"gridwall/geo"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
)

const exportUsage = `export LAYER FILE [flags]

LAYER is grids, buildings, cameras or cases; the format is that of FILE's name: .geojson, .gpkg or .csv.
What is written can be imported again. Cameras come without their addresses, cases without persons.

  gridwall export grids cells.gpkg --level=grid
  gridwall export buildings houses.geojson --datum=gcj02
`

func exportFile(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("export", exportUsage)
	level := flags.String("level", "", "level of the grids: street, community or grid (default all)")
	datum := flags.String("datum", "wgs84", "datum of what is written: "+crs.Choices)
	rest, err := parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 2 {
		flags.Usage()
		return exitStatus(2)
	}
	var q layers.Query
	if *level != "" {
		if q.Level, err = grid.ParseLevel(*level); err != nil {
			return err
		}
	}
	to, err := crs.ParseDatum(*datum)
	if err != nil {
		return err
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(rest[1])), ".")
	if err := layers.Check(format, to); err != nil {
		return err
	}
	pool, stop, err := reach(ctx, s, newLog())
	if err != nil {
		return err
	}
	n, err := exportTo(ctx, pool, rest[0], rest[1], q, format, to)
	if err == nil {
		fmt.Printf("%s: %d %s\n", rest[1], n, rest[0])
	}
	return errors.Join(err, stop())
}

// exportTo writes a layer to a file, whole or not at all. Whoever can reach the database may read all of it.
func exportTo(ctx context.Context, pool *pgxpool.Pool, name, file string, q layers.Query, format string, datum crs.Datum) (int, error) {
	set, err := openLayers(ctx, pool)
	if err != nil {
		return 0, err
	}
	who := access.Identity{Role: access.Admin}
	layer, err := set.Layer(name, who)
	if err != nil {
		return 0, fmt.Errorf("%w: choose grids, buildings, cameras or cases", err)
	}
	part, err := os.CreateTemp(filepath.Dir(file), ".gridwall-export-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(part.Name())
	n, err := layer.Write(ctx, part, who, q, format, datum)
	if err := errors.Join(err, part.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(part.Name(), file)
}

// openLayers reads what the layers show, without a server.
func openLayers(ctx context.Context, pool *pgxpool.Pool) (*layers.Set, error) {
	places, err := geo.Open(ctx, pool)
	if err != nil {
		return nil, err
	}
	classes, err := catalogue.Open(ctx, pool, assets.Catalogue(), cases.CheckLimit)
	if err != nil {
		return nil, err
	}
	now := new(clock.Clock)
	files, err := cases.New(pool, places, now, classes, nil) // it reads only
	if err != nil {
		return nil, err
	}
	registry := cameras.New(pool, nil, places.Tiles(), now, newLog())
	if err := registry.Load(ctx); err != nil {
		return nil, err
	}
	return &layers.Set{Places: places, Cameras: registry, Cases: files}, nil
}
