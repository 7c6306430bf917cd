package api

import (
	"errors"
	"net/http"

	"gridwall/dashboard/access"
	"gridwall/dashboard/wall"
)

// showing tells a desk everything, and a wall's own screens what to show: no person is named on a wall.
func (s *Server) showing(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id := r.PathValue("id")
	show, holder, err := s.Walls.Showing(r.Context(), id, s.Clock.Now())
	if err != nil {
		return err
	}
	if who.Role == access.Wall {
		return writeJSON(w, map[string]any{"show": show})
	}
	reports, err := s.Walls.Reports(r.Context(), id)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"show": show, "holder": holder, "screens": reports})
}

func (s *Server) driveWall(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in wall.Order
	if err := decode(w, r, 64<<10, &in); err != nil {
		return err
	}
	show, err := s.Walls.Drive(r.Context(), r.PathValue("id"), who.Account, in, s.Clock.Now())
	if err != nil {
		return err
	}
	return writeJSON(w, show)
}

func (s *Server) scenes(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Walls.Scenes(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"scenes": list})
}

func (s *Server) saveScene(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in wall.Scene
	if err := decode(w, r, 256<<10, &in); err != nil {
		return err
	}
	in.ID = r.PathValue("id")
	saved, err := s.Walls.SaveScene(r.Context(), in, s.Clock.Now())
	if errors.Is(err, wall.ErrConflict) {
		return &conflictError{err, saved}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, saved)
}

func (s *Server) removeScene(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if err := s.Walls.RemoveScene(r.Context(), r.PathValue("id"), s.Clock.Now()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
