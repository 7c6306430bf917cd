package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The test's own country: counties of one street with its cells side by side, so that case numbers (99,999 a day and
// county) last, and jurisdictions differ.
const (
	counties = 16
	cells    = 6
	cellDeg  = 0.01
	westLon  = 110.0
	southLat = 40.0
)

// place is the middle of a cell.
type place struct {
	cell     string
	lon, lat float64
}

func street(county int) string  { return fmt.Sprintf("15%04d001", county+1) }
func cell(county, n int) string { return fmt.Sprintf("%s%03d", street(county), n+1) }
func lon(x float64) float64     { return westLon + x*cellDeg }
func lat(y float64) float64     { return southLat + y*cellDeg }

func places() (all []place) {
	for c := range counties {
		for n := range cells {
			all = append(all, place{cell(c, n), lon(float64(n) + 0.5), lat(float64(c) + 0.5)})
		}
	}
	return all
}

// feature is a rectangle of w by 1 cells.
func feature(code, parent string, x, y, w float64) map[string]any {
	ring := [][2]float64{{lon(x), lat(y)}, {lon(x + w), lat(y)}, {lon(x + w), lat(y + 1)}, {lon(x), lat(y + 1)}, {lon(x), lat(y)}}
	properties := map[string]any{"code": code, "name": code}
	if parent != "" {
		properties["parent"] = parent
	}
	return map[string]any{"type": "Feature", "properties": properties, "geometry": map[string]any{"type": "Polygon", "coordinates": [][][2]float64{ring}}}
}

// town fills the database by the product's own commands.
type town struct {
	bin, database, dir string
}

func (t town) settle(ctx context.Context) error {
	if _, err := t.gridwall(ctx, "", "migrate"); err != nil {
		return err
	}
	var streets, grids []map[string]any
	for c := range counties {
		streets = append(streets, feature(street(c), "", 0, float64(c), cells))
		for n := range cells {
			grids = append(grids, feature(cell(c, n), street(c), float64(n), float64(c), 1))
		}
	}
	if err := t.importGrids(ctx, "street", streets); err != nil {
		return err
	}
	return t.importGrids(ctx, "grid", grids)
}

func (t town) importGrids(ctx context.Context, level string, features []map[string]any) error {
	text, err := json.Marshal(map[string]any{"type": "FeatureCollection", "features": features})
	if err != nil {
		return err
	}
	file := filepath.Join(t.dir, level+".geojson")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	_, err = t.gridwall(ctx, "", "import", "grids", file, "--datum=wgs84", "--level="+level)
	return err
}

// account makes an account and returns a token of it.
func (t town) account(ctx context.Context, name, role, grid string) (string, error) {
	args := []string{"account", "add", name, "--role=" + role}
	if grid != "" {
		args = append(args, "--grid="+grid)
	}
	if _, err := t.gridwall(ctx, "\n", args...); err != nil {
		return "", err
	}
	return t.gridwall(ctx, "", "account", "token", name)
}

// wall makes the device of a wall and returns its token.
func (t town) wall(ctx context.Context, name string) (string, error) {
	return t.gridwall(ctx, "", "account", "wall", name)
}

func (t town) gridwall(ctx context.Context, in string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, t.bin, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+t.database)
	cmd.Stdin = strings.NewReader(in)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("gridwall %s: %w: %s%s", strings.Join(args, " "), err, said.String(), out.String())
	}
	return strings.TrimSpace(out.String()), nil
}
