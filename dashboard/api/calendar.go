package api

import (
	"net/http"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cases"
)

func (s *Server) getCalendar(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	return writeJSON(w, s.Cases.Plan())
}

func (s *Server) saveCalendar(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in cases.Plan
	if err := decode(w, r, 256<<10, &in); err != nil {
		return err
	}
	plan, err := s.Cases.SavePlan(r.Context(), who, in)
	if err != nil {
		return err
	}
	return writeJSON(w, plan)
}
