package api

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"
	"github.com/paulmach/orb/geojson"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cases"
	"gridwall/geo/building"
	"gridwall/geo/grid"
	"gridwall/geo/sight"
	"gridwall/geo/tile"
)

// gridOut is a grid without its geometry.
type gridOut struct {
	Code       string         `json:"code"`
	Parent     *string        `json:"parent"`
	Level      grid.Level     `json:"level"`
	Kind       grid.Kind      `json:"kind"`
	Name       string         `json:"name"`
	Households *int           `json:"households"`
	Label      cases.Location `json:"label"`
	BBox       [4]float64     `json:"bbox"`
}

func gridOf(c *grid.Cell) gridOut {
	g := gridOut{Code: c.Code, Level: c.Level, Kind: c.Kind, Name: c.Name, Label: location(c.Label), BBox: box(c.Bound)}
	if c.Parent != "" {
		g.Parent = &c.Parent
	}
	if c.Households >= 0 {
		g.Households = &c.Households
	}
	return g
}

func location(p orb.Point) cases.Location { return cases.Location{Lon: p[0], Lat: p[1]} }

func box(b orb.Bound) [4]float64 { return [4]float64{b.Min[0], b.Min[1], b.Max[0], b.Max[1]} }

// tileSets, from the ground up.
var tileSets = []string{"backdrop", "grids", "buildings", "cameras"}

func (s *Server) mapInfo(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	answer := map[string]any{"layers": tileSets, "bounds": nil, "center": nil, "basemap": nil}
	if s.Basemap != nil {
		answer["basemap"] = s.Basemap.Info
	}
	if b, ok := s.Places.Bounds(); ok {
		answer["bounds"], answer["center"] = box(b), b.Center()
	}
	return writeJSON(w, answer)
}

func (s *Server) grids(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	cells := s.Places.Grids().Cells()
	out := make([]gridOut, len(cells))
	for i, c := range cells {
		out[i] = gridOf(c)
	}
	return writeJSON(w, map[string]any{"grids": out})
}

func (s *Server) gridCard(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	tree := s.Places.Grids()
	cell := tree.Cell(r.PathValue("code"))
	if cell == nil {
		return errNoRoute
	}
	officers, err := s.Roster.Officers(r.Context(), cell.Code)
	if err != nil {
		return err
	}
	if who.Role == access.Wall { // no person on a wall
		officers = officers[:0]
	}
	open, err := s.Cases.OpenIn(r.Context(), cell.Code)
	if err != nil {
		return err
	}
	codes := []string{cell.Code}
	for i := 0; i < len(codes); i++ {
		for _, child := range tree.Children(codes[i]) {
			codes = append(codes, child.Code)
		}
	}
	total, online := s.Cameras.Count(codes)
	return writeJSON(w, struct {
		gridOut
		Officers  any            `json:"officers"`
		Buildings int            `json:"buildings"`
		Cameras   map[string]int `json:"cameras"`
		Open      map[string]int `json:"open"`
	}{gridOf(cell), officers, s.Places.Buildings(cell.Code), map[string]int{"total": total, "online": online}, open})
}

func (s *Server) point(r *http.Request) (orb.Point, error) {
	lon, err := queryFloat(r, "lon")
	if err != nil {
		return orb.Point{}, err
	}
	lat, err := queryFloat(r, "lat")
	if err == nil && (lon < -180 || lon > 180 || lat < -90 || lat > 90) {
		err = badRequest("query_invalid", "lon、lat 应为经度、纬度（度）", "lon and lat are degrees, longitude first")
	}
	return orb.Point{lon, lat}, err
}

func (s *Server) locate(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	p, err := s.point(r)
	if err != nil {
		return err
	}
	path, err := s.Places.Locate(p)
	if err != nil {
		return err
	}
	out := make([]gridOut, len(path))
	for i, c := range path {
		out[i] = gridOf(c)
	}
	return writeJSON(w, map[string]any{"path": out})
}

// nearestOut is the cell nearest to a point outside all.
type nearestOut struct {
	Code      grid.Code `json:"code"`
	Name      string    `json:"name"`
	DistanceM float64   `json:"distance_m"`
}

func nearestOf(e *grid.OutsideError) *nearestOut {
	return &nearestOut{e.Nearest.Code, e.Nearest.Name, math.Round(e.DistanceM*10) / 10}
}

// located is where one of many points lies: Grid is the lowest cell, Path all of them from the street down.
type located struct {
	Grid    *grid.Code  `json:"grid"` // null: outside every grid
	Path    []grid.Code `json:"path,omitempty"`
	Nearest *nearestOut `json:"nearest,omitempty"`
}

const maxPoints = 10_000

// locateMany answers in the order of the points, all from one state of the grids.
func (s *Server) locateMany(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct{ Points [][]float64 }
	if err := decode(w, r, 1<<20, &in); err != nil {
		return err
	}
	if len(in.Points) > maxPoints {
		return badRequest("points_too_many", "一次最多 10000 个点", "at most 10,000 points at a time")
	}
	points := make([]orb.Point, len(in.Points))
	for i, p := range in.Points {
		if len(p) != 2 || !(p[0] >= -180 && p[0] <= 180 && p[1] >= -90 && p[1] <= 90) {
			return badRequest("points_invalid", fmt.Sprintf("第 %d 个点应为 [经度, 纬度]（度）", i+1), fmt.Sprintf("point %d should be [longitude, latitude] in degrees", i+1))
		}
		points[i] = orb.Point{p[0], p[1]}
	}
	out := make([]located, 0, len(points))
	for path, err := range s.Places.LocateAll(points) {
		var l located
		var outside *grid.OutsideError
		switch {
		case errors.As(err, &outside):
			l.Nearest = nearestOf(outside)
		case errors.Is(err, grid.ErrOutside):
		case err != nil:
			return err
		default:
			l.Grid = &path.Cell().Code
			for _, c := range path {
				l.Path = append(l.Path, c.Code)
			}
		}
		out = append(out, l)
	}
	return writeJSON(w, map[string]any{"results": out})
}

// found is one thing that a search found.
type found struct {
	Type     string         `json:"type"` // grid, building, camera or case
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Detail   string         `json:"detail"`
	Location cases.Location `json:"location"`
}

const maxFound = 30

func (s *Server) search(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	results := []found{}
	if q == "" {
		return writeJSON(w, map[string]any{"results": results})
	}
	if who.May(access.CaseRead) {
		list, _, _, err := s.Cases.List(r.Context(), cases.Filter{Query: q, Masked: !who.May(access.NumbersRead), Grid: who.Grid, Line: who.Department, Limit: 8})
		if err != nil {
			return err
		}
		for _, c := range list {
			results = append(results, found{"case", fmt.Sprint(c.ID), c.Title, c.Number, c.Location})
		}
	}
	for _, c := range s.Cameras.List(secret(who)) {
		if len(results) < 16 && (strings.Contains(strings.ToLower(c.Name), strings.ToLower(q)) || strings.EqualFold(c.ID, q)) {
			results = append(results, found{"camera", c.ID, c.Name, c.State.Text().Zh, cases.Location(c.Location)})
		}
	}
	for _, f := range s.Places.Search(q, maxFound-len(results)) {
		results = append(results, found{f.Type, f.ID, f.Name, f.Detail, location(f.Location)})
	}
	return writeJSON(w, map[string]any{"results": results})
}

// gridSight samples the open ground of a grid, its streets and the fronts of its buildings, by day or by night. Cameras that
// are down see nothing, nor do those of unknown direction; at night nor those without a lamp, or of which none is known.
func (s *Server) gridSight(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	cell := s.Places.Grids().Cell(r.PathValue("code"))
	if cell == nil {
		return errNoRoute
	}
	step, err := queryInt(r, "step_m", 10, 2, 100)
	if err != nil {
		return err
	}
	time := cmp.Or(r.URL.Query().Get("time"), "day")
	if time != "day" && time != "night" {
		return badRequest("query_invalid", "参数 time 应为 day 或 night", "query parameter time must be day or night")
	}
	if span := geo.Distance(cell.Bound.Min, cell.Bound.Max) / float64(step); span > 400 {
		return badRequest("step_too_small", "网格过大: 请加大 step_m", "the grid is too large for this step_m")
	}
	streets, err := s.Places.Streets(r.Context(), cell.Geometry)
	if err != nil {
		return err
	}
	const farM = 1000
	around := geo.BoundPad(cell.Bound, farM)
	var eyes []sight.Camera
	directionUnknown, lampUnknown := 0, 0
	for _, c := range s.Cameras.List(secret(who)) {
		eye := c.Eye()
		if !around.Contains(eye.At) || c.Indoor || !c.State.Up() {
			continue
		}
		if eye.BearingDeg == nil && !eye.PTZ {
			directionUnknown++
			continue
		}
		if time == "night" {
			lamp, known := c.Lamp()
			if !known {
				lampUnknown++
			}
			var sees bool
			if eye, sees = eye.AtNight(lamp); !sees {
				continue
			}
		}
		eyes = append(eyes, eye)
	}
	scene := s.Places.Sight()
	seen := func(points []orb.Point) any {
		if len(points) == 0 {
			return nil
		}
		return 1 - float64(len(scene.Blind(points, eyes)))/float64(len(points))
	}
	ground := scene.Ground(cell.Geometry, float64(step))
	blind := scene.Blind(ground, eyes)
	answer := map[string]any{"time": time, "points": len(ground), "blind_share": float64(len(blind)) / float64(max(len(ground), 1)), "step_m": step,
		"streets_seen": seen(sight.Along(streets, float64(step))), "fronts_seen": seen(scene.Fronts(cell.Geometry, float64(step))),
		"cameras": len(eyes), "direction_unknown": directionUnknown, "lamp_unknown": lampUnknown,
		"blind": geojson.NewGeometry(orb.MultiPoint(blind)), "more": nil}
	like := sight.Camera{}
	if time == "night" {
		like, _ = like.AtNight(true)
	}
	if more, ok := scene.More(cell.Geometry, blind, like); ok {
		answer["more"] = map[string]any{"location": location(more.At), "bearing": math.Round(*more.BearingDeg), "sees_share": float64(more.Gain) / float64(len(ground)), "view": geojson.NewGeometry(scene.View(more.Camera))}
	}
	return writeJSON(w, answer)
}

// buildingOut is a building and what speaks for it.
type buildingOut struct {
	ID        uint64         `json:"id"`
	Name      string         `json:"name"`
	Address   string         `json:"address"`
	Grid      string         `json:"grid,omitempty"`
	Location  cases.Location `json:"location"`
	DistanceM *float64       `json:"distance_m,omitempty"`
	Score     *float64       `json:"score,omitempty"`
}

func buildingOf(b *building.Building) buildingOut {
	return buildingOut{ID: b.ID, Name: b.Name, Address: b.Address, Grid: b.Grid, Location: location(b.Point)}
}

// houseOut is a building with what is counted in it: floors, stairways, dwellings; 0 or null where it is not known.
type houseOut struct {
	buildingOut
	Code       string  `json:"code,omitempty"`
	Kind       string  `json:"kind,omitempty"`
	Floors     int     `json:"floors"`
	Units      int     `json:"units"`
	Households *int    `json:"households"`
	HeightM    float64 `json:"height_m"`
}

func (s *Server) getBuilding(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	id, err := strconv.ParseUint(r.PathValue("id"), 10, 64)
	if err != nil {
		return errNoRoute
	}
	b := s.Places.Building(id)
	if b == nil {
		return errNoRoute
	}
	out := houseOut{buildingOut: buildingOf(b), Code: b.Code, Kind: b.Kind, Floors: b.Floors, Units: b.Units, HeightM: sight.Height(b)}
	if b.Households >= 0 {
		out.Households = &b.Households
	}
	return writeJSON(w, out)
}

func (s *Server) geocode(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	limit, err := queryInt(r, "limit", 5, 1, 50)
	if err != nil {
		return err
	}
	out := []buildingOut{}
	for _, a := range s.Places.Geocode(r.URL.Query().Get("q"), int(limit)) {
		b := buildingOf(a.Building)
		b.Score = &a.Score
		out = append(out, b)
	}
	return writeJSON(w, map[string]any{"results": out})
}

func (s *Server) nearestBuildings(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	p, err := s.point(r)
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", 1, 1, 50)
	if err != nil {
		return err
	}
	reach, err := queryInt(r, "reach_m", 500, 1, 5000)
	if err != nil {
		return err
	}
	out := []buildingOut{}
	for _, n := range s.Places.NearestBuildings(p, float64(reach), int(limit)) {
		b := buildingOf(n.Building)
		b.DistanceM = &n.DistanceM
		out = append(out, b)
	}
	return writeJSON(w, map[string]any{"buildings": out})
}

// view is what of the tiles one may see.
func view(who access.Identity) tile.View {
	if secret(who) {
		return tile.Desk
	}
	return tile.Wall
}

func (s *Server) tileJSON(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	layer, ok := strings.CutSuffix(r.PathValue("file"), ".json")
	if !ok {
		return errNoRoute
	}
	scheme := "http"
	if secure(r) {
		scheme = "https"
	}
	doc, err := s.Places.Tiles().TileJSON(layer, view(who), fmt.Sprintf("%s://%s/tiles/%s/{z}/{x}/{y}.mvt", scheme, r.Host, layer))
	if err != nil {
		return err
	}
	return writeJSON(w, doc)
}

func (s *Server) tile(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	y, ok := strings.CutSuffix(r.PathValue("file"), ".mvt")
	if !ok {
		return errNoRoute
	}
	at, err := tile.ParseAddress(r.PathValue("z"), r.PathValue("x"), y)
	if err != nil {
		return err
	}
	t, err := s.Places.Tiles().Tile(r.Context(), r.PathValue("layer"), at, view(who))
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache") // kept by the browser, asked for by ETag each time
	h.Set("ETag", t.ETag)
	h.Set("Vary", "Accept-Encoding, Authorization, Cookie")
	if r.Header.Get("If-None-Match") == t.ETag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/vnd.mapbox-vector-tile")
	body := t.Gzip
	if accepts(r, "gzip") {
		h.Set("Content-Encoding", "gzip")
	} else {
		body = t.Plain()
	}
	_, err = w.Write(body)
	if errors.Is(err, http.ErrBodyNotAllowed) { // HEAD
		return nil
	}
	return err
}

// basemapTile passes a picture on. Browsers keep it for a day.
func (s *Server) basemapTile(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if s.Basemap == nil {
		return errNoRoute
	}
	at, err := tile.ParseAddress(r.PathValue("z"), r.PathValue("x"), r.PathValue("y"))
	if err != nil {
		return err
	}
	p, err := s.Basemap.Tile(r.Context(), uint32(at.Z), at.X, at.Y)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "private, max-age=86400")
	w.Header().Set("Content-Type", p.Type)
	_, err = w.Write(p.Body)
	return err
}

// accepts says whether the client takes an encoding.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name == encoding && strings.TrimSpace(weight) != "q=0" {
			return true
		}
	}
	return false
}
