package api

import (
	"cmp"
	"errors"
	"net/http"
	"path"
	"slices"

	"gridwall/dashboard/access"
	"gridwall/dashboard/catalogue"
	"gridwall/geo/importer"
)

// maxWorkbook bounds a catalogue's file, bytes.
const maxWorkbook = 2 << 20

func (s *Server) classes(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	q := r.URL.Query()
	edition := cmp.Or(q.Get("edition"), catalogue.Edition)
	if !slices.Contains(s.Catalogue.Editions(), edition) {
		return badRequest("unknown_edition", "没有版本 "+edition, "there is no edition "+edition)
	}
	classes := s.Catalogue.Listed()
	if all := q.Get("all"); edition != catalogue.Edition || all == "true" || all == "1" {
		classes = s.Catalogue.Classes(edition)
	}
	return writeJSON(w, map[string]any{"edition": edition, "editions": s.Catalogue.Editions(), "classes": classes})
}

func (s *Server) exportCatalogue(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	headings := r.URL.Query().Get("headings")
	w.Header().Set("Content-Type", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
	w.Header().Set("Content-Disposition", `attachment; filename="catalogue.xlsx"`)
	return s.Catalogue.Workbook(w, headings == "en" || headings == "" && english(r))
}

func (s *Server) importCatalogue(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	q := r.URL.Query()
	name := path.Base("/" + q.Get("name"))
	if name == "/" {
		name = "catalogue.xlsx"
	}
	dry := q.Get("dry_run") == "true" || q.Get("dry_run") == "1"
	report, err := s.Catalogue.Import(r.Context(), name, q.Get("sheet"), http.MaxBytesReader(w, r.Body, maxWorkbook), dry, s.Clock.Now())
	if errors.Is(err, importer.ErrRefused) {
		return writeJSONCode(w, http.StatusUnprocessableEntity, map[string]any{"report": report})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"report": report})
}

func (s *Server) bridge(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	q := r.URL.Query()
	from, to := q.Get("from"), cmp.Or(q.Get("to"), catalogue.Edition)
	for _, edition := range []string{from, to} {
		if !slices.Contains(s.Catalogue.Editions(), edition) {
			return badRequest("unknown_edition", "没有版本 "+edition, "there is no edition "+edition)
		}
	}
	all, unmapped := s.Catalogue.Bridge(from, to)
	return writeJSON(w, map[string]any{"from": from, "to": to, "classes": all, "unmapped": unmapped})
}

// upwards are the codes of a grid and of those above it.
func (s *Server) upwards(code string) (codes []string) {
	tree := s.Places.Grids()
	for cell := tree.Cell(code); cell != nil; cell = tree.Cell(cell.Parent) {
		codes = append(codes, cell.Code)
	}
	return codes
}

// maxCovered bounds the columns of a coverage matrix.
const maxCovered = 300

func (s *Server) catalogueCoverage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	under := r.URL.Query().Get("grid")
	if under != "" && s.Places.Grids().Cell(under) == nil {
		return badRequest("unknown_grid", "没有网格 "+under, "there is no grid "+under)
	}
	type column struct {
		Code string `json:"code"`
		Name string `json:"name"`
	}
	columns, codes := []column{}, []string{}
	for _, code := range s.below(under) {
		cell := s.Places.Grids().Cell(code)
		if cell == nil || len(s.Places.Grids().Children(code)) > 0 { // the smallest ones: those above are in their paths
			continue
		}
		columns, codes = append(columns, column{code, cell.Name}), append(codes, code)
	}
	if len(codes) > maxCovered {
		return badRequest("too_many_grids", "网格过多，请用参数 grid 指定上级网格", "too many grids: choose one above them by the query parameter grid")
	}
	return writeJSON(w, map[string]any{"grids": columns, "coverage": s.Catalogue.Coverage(codes, s.upwards)})
}

func (s *Server) assignDuty(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct {
		Class      string `json:"class"`
		Grid       string `json:"grid"`
		Department string `json:"department"`
	}
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	report, err := s.Catalogue.Assign(r.Context(), in.Class, in.Grid, in.Department, s.Clock.Now())
	if errors.Is(err, importer.ErrRefused) {
		reason := report.Refusals[0].Reason
		return badRequest("duty_invalid", reason.Zh, reason.En)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
