package api

import (
	"net/http"

	"gridwall/dashboard/access"
	"gridwall/dashboard/ptz"
)

func (s *Server) showHead(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	state, err := s.PTZ.Show(r.Context(), r.PathValue("id"), who)
	if err != nil {
		return err
	}
	return writeJSON(w, state)
}

func (s *Server) turnHead(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var do ptz.Command
	if err := decode(w, r, 4<<10, &do); err != nil {
		return err
	}
	if err := s.PTZ.Do(r.Context(), r.PathValue("id"), who, do); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) driveHead(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	return s.PTZ.Serve(s.ctx, w, r, r.PathValue("id"), who)
}

func (s *Server) getMount(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	m, err := s.PTZ.Mount(r.Context(), c)
	if err != nil {
		return err
	}
	return writeJSON(w, m)
}

func (s *Server) saveMount(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in ptz.Mount
	if err := decode(w, r, 64<<10, &in); err != nil {
		return err
	}
	if err := s.PTZ.SaveMount(r.Context(), r.PathValue("id"), who, in); err != nil {
		return err
	}
	return s.getMount(w, r, who)
}
