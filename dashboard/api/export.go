package api

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/layers"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
)

// layers is what may be taken away.
func (s *Server) layers() *layers.Set {
	return &layers.Set{Places: s.Places, Cameras: s.Cameras, Cases: s.Cases}
}

// export answers {layer}.{format} as a file.
func (s *Server) export(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if who.Role == access.Wall { // a screen takes nothing away
		return &forbiddenError{who.Role, access.NumbersRead}
	}
	name, format, ok := strings.Cut(r.PathValue("file"), ".")
	if !ok {
		return errNoRoute
	}
	layer, err := s.layers().Layer(name, who)
	if err != nil {
		return err
	}
	datum, err := queryDatum(r)
	if err != nil {
		return err
	}
	if err := layers.Check(format, datum); err != nil {
		return err
	}
	q := layers.Query{}
	if level := r.URL.Query().Get("level"); level != "" {
		if q.Level, err = grid.ParseLevel(level); err != nil {
			return badRequest("query_invalid", "level 应为 street、community 或 grid", "level is street, community or grid")
		}
	}
	h := w.Header()
	h.Set("Content-Type", layers.ContentType(format))
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s.%s"`, name, time.Now().UTC().Format("20060102"), format))
	h.Set("Cache-Control", "private, no-store")
	_, err = layer.Write(r.Context(), w, who, q, format, datum)
	return err
}

// queryDatum reads ?datum=; without one it is WGS-84.
func queryDatum(r *http.Request) (crs.Datum, error) {
	text := r.URL.Query().Get("datum")
	if text == "" {
		return crs.WGS84, nil
	}
	datum, err := crs.ParseDatum(text)
	if err != nil {
		return "", badRequest("datum_unknown", "datum 应为 "+crs.Choices+" 之一", "datum is one of "+crs.Choices)
	}
	return datum, nil
}
