package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cases"
	"gridwall/geo/grid"
)

// scope says how a route keeps to the jurisdiction of who asks: an account of one grid acts in that grid and below it.
type scope string

const (
	// everywhere: the same for all who have the right: the map, lists of words, oneself.
	everywhere scope = "everywhere"
	// rows: the handler gives and takes what lies in the jurisdiction alone.
	rows scope = "rows"
	// The thing that the address names must lie in the jurisdiction; guard refuses before the handler is asked.
	ofCase   scope = "case"
	ofPhoto  scope = "photo"
	ofAlarm  scope = "alarm"
	ofCamera scope = "camera"
	ofGrid   scope = "grid"
)

// scopes has a line for each route that needs a right; one without a line is refused to everybody who has a jurisdiction,
// and the test of the matrix names it. Where cameras stand is on the map for all; what they show is not.
var scopes = map[string]scope{
	"GET /metrics":               everywhere,
	"GET /debug/pprof/{profile}": everywhere,
	"GET /api/v1/openapi.json":   everywhere,

	"GET /api/v1/session":                 everywhere,
	"DELETE /api/v1/session":              everywhere,
	"POST /api/v1/session/password":       everywhere,
	"GET /api/v1/session/factor":          everywhere,
	"POST /api/v1/session/factor":         everywhere,
	"POST /api/v1/session/factor/confirm": everywhere,
	"POST /api/v1/session/factor/remove":  everywhere,
	"GET /api/v1/sessions":                everywhere,
	"DELETE /api/v1/sessions":             everywhere,
	"GET /account":                        everywhere,

	"GET /api/v1/enrolments/{code}":    everywhere,
	"POST /api/v1/enrolments/{code}":   everywhere,
	"DELETE /api/v1/enrolments/{code}": everywhere,
	"GET /api/v1/devices":              everywhere,
	"DELETE /api/v1/devices/{name}":    everywhere,
	"GET /enrol":                       everywhere,

	"DELETE /api/v1/sessions/{id}": everywhere,

	"GET /api/v1/cases":                rows,
	"POST /api/v1/cases":               rows,
	"GET /api/v1/cases/{id}":           ofCase,
	"POST /api/v1/cases/{id}/reporter": ofCase,
	"GET /api/v1/cases/{id}/timeline":  ofCase,
	"POST /api/v1/cases/{id}/moves":    ofCase,
	"POST /api/v1/photos":              everywhere,
	"GET /api/v1/photos/{id}":          ofPhoto,
	"GET /api/v1/flows":                everywhere,
	"POST /api/v1/flows/reload":        everywhere,
	"GET /api/v1/flows/{flow}":         everywhere,
	"GET /api/v1/flows/{flow}/sums":    rows,
	"GET /api/v1/calendar":             everywhere,
	"PUT /api/v1/calendar":             everywhere,
	"GET /api/v1/catalogue":            everywhere,
	"GET /api/v1/catalogue.xlsx":       everywhere,
	"POST /api/v1/catalogue/import":    everywhere,
	"GET /api/v1/catalogue/bridge":     everywhere,
	"GET /api/v1/catalogue/coverage":   everywhere,
	"PUT /api/v1/catalogue/duties":     everywhere,
	"GET /catalogue":                   everywhere,
	"PUT /api/v1/duty":                 everywhere,
	"GET /api/v1/departments":          everywhere,
	"GET /api/v1/officers/duty":        everywhere, // posts and grids; no person
	"GET /api/v1/situation":            everywhere, // counts; no case and no person

	"GET /api/v1/evaluation":          rows,
	"GET /api/v1/evaluation/ranking":  rows,
	"GET /api/v1/evaluation/cases":    rows,
	"GET /api/v1/evaluation/plan":     everywhere,
	"PUT /api/v1/evaluation/plan":     everywhere,
	"POST /api/v1/evaluation/recount": everywhere,
	"GET /evaluation":                 everywhere,

	"GET /api/v1/map":                   everywhere,
	"GET /api/v1/grids":                 everywhere,
	"GET /api/v1/grids/coverage":        everywhere,
	"POST /api/v1/grids/coverage/close": everywhere,
	"POST /api/v1/grids/versions/try":   everywhere,
	"POST /api/v1/grids/versions":       everywhere,
	"GET /api/v1/grids/versions":        everywhere,
	"GET /api/v1/grids/{code}/design":   everywhere,
	"GET /api/v1/grids/{code}/past":     everywhere,
	"GET /api/v1/grids/{code}":          ofGrid, // names its officers
	"GET /api/v1/grids/{code}/sight":    everywhere,
	"GET /api/v1/locate":                everywhere,
	"POST /api/v1/locate":               everywhere,
	"GET /api/v1/search":                rows,
	"GET /api/v1/geocode":               everywhere,
	"GET /api/v1/buildings/{id}":        everywhere,
	"GET /api/v1/buildings/nearest":     everywhere,
	"GET /tiles/{file}":                 everywhere,
	"GET /tiles/{layer}/{z}/{x}/{file}": everywhere,
	"GET /basemap/{z}/{x}/{y}":          everywhere,

	"GET /api/v1/export/{file}":                      rows,
	"GET /ogc":                                       everywhere,
	"GET /ogc/{$}":                                   everywhere,
	"GET /ogc/conformance":                           everywhere,
	"GET /ogc/collections":                           everywhere,
	"GET /ogc/collections/{collection}":              everywhere,
	"GET /ogc/collections/{collection}/items":        rows,
	"GET /ogc/collections/{collection}/items/{item}": rows,

	"GET /api/v1/cameras":                      everywhere,
	"POST /api/v1/cameras":                     everywhere,
	"GET /api/v1/cameras/near":                 everywhere,
	"GET /api/v1/cameras/{id}/view":            everywhere,
	"POST /api/v1/cases/{id}/cameras/{camera}": ofCase,
	"GET /api/v1/cameras/registry":             everywhere,
	"GET /api/v1/cameras/{id}/record":          ofCamera,
	"POST /api/v1/cameras/bulk":                everywhere,
	"GET /api/v1/relays":                       everywhere,
	"POST /api/v1/cameras/device":              everywhere,
	"POST /api/v1/cameras/discover":            everywhere,
	"POST /api/v1/cameras/import":              everywhere,
	"GET /api/v1/cameras/export.csv":           everywhere,
	"DELETE /api/v1/cameras/{id}":              ofCamera,
	"POST /api/v1/cameras/sweep":               everywhere,
	"GET /api/v1/cameras/availability":         everywhere,
	"POST /api/v1/cameras/{id}/test":           ofCamera,
	"GET /api/v1/cameras/{id}/availability":    ofCamera,
	"GET /cameras":                             everywhere,
	"GET /walls":                               everywhere,
	"GET /api/v1/cameras/{id}/changes":         ofCamera,
	"GET /api/v1/cameras/{id}":                 everywhere,
	"GET /api/v1/cameras/{id}/snapshot.jpg":    ofCamera,
	"GET /api/v1/cameras/{id}/ptz":             ofCamera,
	"POST /api/v1/cameras/{id}/ptz":            ofCamera,
	"GET /api/v1/cameras/{id}/ptz/drive":       ofCamera,
	"GET /api/v1/cameras/{id}/ptz/mount":       ofCamera,
	"PUT /api/v1/cameras/{id}/ptz/mount":       ofCamera,
	"POST /api/v1/cameras/{id}/links":          ofCamera,
	"GET /api/v1/audit":                        everywhere,
	"POST /api/v1/audit/walls":                 everywhere,
	"GET /api/v1/audit.csv":                    everywhere,
	"GET /audit":                               everywhere,
	"POST /streams/{id}/whep":                  ofCamera,
	"DELETE /streams/{id}/whep/{session}":      ofCamera,
	"GET /streams":                             rows,
	"GET /streams/{id}/mse":                    ofCamera,
	"GET /streams/{id}/hls/{file}":             ofCamera,

	"GET /live":                                rows,
	"POST /api/v1/positions":                   everywhere,
	"GET /api/v1/walls/{id}":                   everywhere,
	"PUT /api/v1/walls/{id}":                   everywhere,
	"POST /api/v1/walls/{id}/screens/{screen}": everywhere,
	"GET /api/v1/walls/{id}/show":              everywhere,
	"POST /api/v1/walls/{id}/show":             everywhere,
	"GET /api/v1/scenes":                       everywhere,
	"PUT /api/v1/scenes/{id}":                  everywhere,
	"DELETE /api/v1/scenes/{id}":               everywhere,

	"GET /api/v1/alarms":             rows,
	"POST /api/v1/alarms":            rows,
	"POST /api/v1/alarms/sos":        everywhere, // wherever an officer is in need
	"GET /api/v1/alarms/check":       everywhere, // counts
	"GET /api/v1/alarms/{id}":        ofAlarm,
	"POST /api/v1/alarms/{id}/moves": ofAlarm,

	"GET /api/v1/persons":              rows,
	"POST /api/v1/persons":             rows,
	"GET /api/v1/persons/counts":       rows,
	"POST /api/v1/persons/{id}/open":   rows, // those of others are refused by the room: an owner has some of a grid
	"POST /api/v1/persons/{id}/review": rows,
	"DELETE /api/v1/persons/{id}":      rows,
	"GET /persons":                     everywhere,

	"PUT /api/v1/clock":    everywhere,
	"DELETE /api/v1/clock": everywhere,

	"GET /{$}":    everywhere,
	"GET /leader": everywhere,
	"GET /alarms": everywhere,
}

// outsideError says that something lies outside the jurisdiction of who asked.
type outsideError struct{ object string }

func (e *outsideError) Error() string { return e.object + " lies outside the jurisdiction" }

// within says whether a grid is who's own or lies below it. What lies in no grid is for those of the whole town.
func (s *Server) within(who access.Identity, code string) bool {
	return Within(s.Places.Grids(), who, code)
}

// Within is the rule of jurisdictions: code is who's grid or below it. Of a grid that is no more it is what that became, and one
// that never was is nobody's but the town's.
func Within(tree *grid.Tree, who access.Identity, code string) bool {
	if who.Grid == "" {
		return true
	}
	for _, heir := range tree.Heirs(code) {
		for _, c := range tree.Path(heir) {
			if c.Code == who.Grid {
				return true
			}
		}
	}
	return false
}

// area narrows a wished grid (empty: all) to who's jurisdiction.
func (s *Server) area(who access.Identity, wished string) (string, error) {
	if wished == "" {
		return who.Grid, nil
	}
	if !s.within(who, wished) {
		return "", &outsideError{"grid " + wished}
	}
	return wished, nil
}

// inside refuses a place outside who's jurisdiction; one outside every grid is left to the handler.
func (s *Server) inside(who access.Identity, lon, lat float64) error {
	path, err := s.Places.Locate(orb.Point{lon, lat})
	if err != nil || who.Grid == "" || s.within(who, path.Cell().Code) {
		return nil
	}
	return &outsideError{"grid " + path.Cell().Code}
}

// mayWatch refuses the pictures of a camera outside who's jurisdiction.
func (s *Server) mayWatch(who access.Identity, c *cameras.Camera) error {
	if who.Grid == "" || c.Grid != nil && s.within(who, *c.Grid) {
		return nil
	}
	return &outsideError{"camera " + c.ID}
}

// keepTo refuses what lies outside the jurisdiction of who asks, and to a department the cases of other lines. What does not
// exist is left to the handler.
func (s *Server) keepTo(r *http.Request, pattern string, who access.Identity) error {
	if who.Grid == "" && who.Department == "" {
		return nil
	}
	own := true // of the line
	var code string
	var err error
	kind := scopes[pattern]
	name := r.PathValue("id")
	switch kind {
	case everywhere, rows:
		return nil
	case ofCase:
		code, own, err = s.gridOf(r.Context(), `SELECT COALESCE(grid, ''), $2 = '' OR lines && ARRAY[$2, '*'] FROM case_file WHERE id::text = $1`, name, who.Department)
	case ofPhoto: // one that is in no case yet is its uploader's
		code, own, err = s.gridOf(r.Context(), `SELECT COALESCE(c.grid, CASE WHEN p.case_id IS NULL AND p.account = $3 THEN $4 END, ''),
			$2 = '' OR COALESCE(c.lines && ARRAY[$2, '*'], p.account = $3)
			FROM photo AS p LEFT JOIN case_file AS c ON c.id = p.case_id WHERE p.id = $1`, name, who.Department, who.Account, who.Grid)
	case ofAlarm:
		code, own, err = s.gridOf(r.Context(), `SELECT COALESCE(grid, ''), true FROM alarm WHERE id::text = $1`, name)
	case ofCamera:
		c, unknown := s.Cameras.Get(name, true)
		switch {
		case unknown != nil:
			err = pgx.ErrNoRows
		case c.Grid != nil:
			code = *c.Grid
		}
	case ofGrid:
		name = r.PathValue("code")
		if code = name; s.Places.Grids().Cell(code) == nil {
			err = pgx.ErrNoRows
		}
	default:
		return &outsideError{pattern}
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("jurisdiction of %s %s: %w", kind, name, err)
	}
	if !own || !s.within(who, code) {
		return &outsideError{string(kind) + " " + name}
	}
	return nil
}

func (s *Server) gridOf(ctx context.Context, sql string, args ...any) (code string, own bool, err error) {
	err = s.Pool.QueryRow(ctx, sql, args...).Scan(&code, &own)
	return code, own, err
}

// tellRefusal writes on the audit what was refused to whom.
func (s *Server) tellRefusal(who access.Identity, r *http.Request, pattern string, err error) {
	var outside *outsideError
	var forbidden *forbiddenError
	var refused *cases.RefusedError
	switch {
	case errors.As(err, &refused) && refused.Role:
		s.Plays.Note(who, "refused", r.URL.Path, map[string]string{"route": pattern, "why": "flow", "move": refused.Move})
	case errors.As(err, &outside):
		s.Plays.Note(who, "refused", r.URL.Path, map[string]string{"route": pattern, "why": "jurisdiction", "object": outside.object})
	case errors.As(err, &forbidden):
		s.Plays.Note(who, "refused", r.URL.Path, map[string]string{"route": pattern, "why": "right", "right": string(forbidden.right)})
	}
}

// Line is a route as the matrix of rights shows it.
type Line struct {
	Pattern string
	Right   access.Right // empty: open
	Scope   string       // empty: no line was written for it
}

// Table is the route table.
func (s *Server) Table() []Line {
	var lines []Line
	for _, r := range s.routes() {
		lines = append(lines, Line{r.pattern, r.right, string(scopes[r.pattern])})
	}
	return lines
}
