package api

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geojson"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/wall"
	"gridwall/streams"
	"gridwall/streams/mse"
	"gridwall/streams/page"
)

// secret says whether one may know of 保密 cameras: people may, walls never.
func secret(who access.Identity) bool { return who.May(access.CameraSecret) }

func (s *Server) listCameras(w http.ResponseWriter, _ *http.Request, who access.Identity) error {
	seq := s.Live.Hub.Head() // before the list: an event in between is told again, never missed
	return writeJSON(w, map[string]any{"seq": seq, "cameras": s.Cameras.List(secret(who))})
}

func (s *Server) getCamera(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

// reachM is how far a camera can be from a place that it is to show.
const reachM = 800

func (s *Server) nearCameras(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	p, err := s.point(r)
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", 4, 1, 50)
	if err != nil {
		return err
	}
	near := s.Cameras.Near(r.Context(), p, reachM, int(limit), secret(who), s.Places.Sight())
	if near == nil {
		near = []cameras.Near{}
	}
	return writeJSON(w, map[string]any{"cameras": near})
}

// cameraView is the ground that a camera sees, for the map.
func (s *Server) cameraView(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	view := orb.MultiPolygon{}
	if !c.Indoor {
		view = s.Places.Sight().View(c.Eye())
	}
	return writeJSON(w, map[string]any{"camera": c.ID, "direction_known": c.Bearing != nil || c.PTZ, "indoor": c.Indoor, "view": geojson.NewGeometry(view)})
}

// answerSight keeps what an operator says who looked for a case's place in a camera's picture.
func (s *Server) answerSight(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if !who.May(access.CameraPlay) {
		return &forbiddenError{who.Role, access.CameraPlay}
	}
	id, err := caseID(r)
	if err != nil {
		return err
	}
	var in struct{ Sees *bool }
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	full, err := s.Cases.Get(r.Context(), id, who)
	if err != nil {
		return err
	}
	if err := s.Cameras.Answer(r.Context(), who.Account, id, r.PathValue("camera"), orb.Point{full.Location.Lon, full.Location.Lat}, in.Sees, secret(who)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) saveCamera(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in cameras.Draft
	if err := decode(w, r, 64<<10, &in); err != nil {
		return err
	}
	if err := s.Cameras.Save(r.Context(), form(who), in, s.Places); err != nil {
		return err
	}
	c, err := s.Cameras.Record(in.ID, secret(who))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/v1/cameras/"+in.ID)
	return writeJSONCode(w, http.StatusCreated, c)
}

// maxOffer bounds an SDP offer.
const maxOffer = 64 << 10

func (s *Server) whepPlay(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if sent, err := s.elsewhere(w, r, who, c); sent {
		return err
	}
	if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != "application/sdp" {
		return badRequest("offer_invalid", "Content-Type 应为 application/sdp", "Content-Type must be application/sdp")
	}
	offer, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOffer))
	if err != nil {
		return err
	}
	end := s.Plays.Begin(who, c.ID, "whep")
	answer, err := s.WHEP.PlayUntil(r.Context(), c.ID, string(offer), end)
	if err != nil {
		end()
		return err
	}
	w.Header().Set("Content-Type", "application/sdp")
	location := "/streams/" + c.ID + "/whep/" + answer.Session
	if token := r.URL.Query().Get("token"); token != "" {
		location += "?token=" + url.QueryEscape(token) // who has no session ends it by the same link
	}
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusCreated)
	_, err = io.WriteString(w, answer.SDP)
	return err
}

func (s *Server) whepEnd(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if err := s.WHEP.End(c.ID, r.PathValue("session")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) msePlay(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if sent, err := s.elsewhere(w, r, who, c); sent {
		return err
	}
	defer s.Plays.Begin(who, c.ID, "mse")()
	return mse.Serve(s.ctx, w, r, s.Hub, c.ID)
}

func (s *Server) hlsPlay(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if sent, err := s.elsewhere(w, r, who, c); sent {
		return err
	}
	if r.PathValue("file") == "index.m3u8" {
		s.Plays.Seen(who, c.ID, "hls")
	}
	return s.HLS.Serve(w, r, c.ID, r.PathValue("file"))
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if sent, err := s.elsewhere(w, r, who, c); sent {
		return err
	}
	p, err := s.Stills.Take(r.Context(), c.ID)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", p.Type)
	w.Header().Set("Content-Length", strconv.Itoa(len(p.Data)))
	w.Header().Set("Cache-Control", "private, max-age=1")
	w.Header().Set("Last-Modified", p.At.UTC().Format(http.TimeFormat))
	_, err = w.Write(p.Data)
	return err
}

func (s *Server) pagePlay(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	page.Serve(s.ctx, w, r, s.Hub, func(id, _ string) (page.Leave, error) {
		c, err := s.Cameras.Get(id, secret(who))
		if err != nil {
			return page.Leave{}, err
		}
		if err := s.mayWatch(who, c); err != nil {
			s.tellRefusal(who, r, r.Pattern, err)
			return page.Leave{}, err
		}
		if relay := s.Cameras.RelayOf(c); relay != nil && relay.Silent {
			why := silentRelay(relay)
			return page.Leave{Why: streams.Status{State: streams.Offline, Reason: streams.Text{Zh: why.zh, En: why.en}}}, nil
		} else if relay != nil {
			token, _, err := s.Access.NewLink(s.ctx, who, id, access.LinkTTL)
			return page.Leave{At: relay.URL, Token: token}, err
		}
		return page.Leave{Ended: s.Plays.Begin(who, id, "page")}, nil
	})
	return nil
}

func (s *Server) getWall(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	shown, err := s.Walls.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return writeJSON(w, shown)
}

func (s *Server) saveWall(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in wall.Wall
	if err := decode(w, r, 256<<10, &in); err != nil {
		return err
	}
	in.ID = r.PathValue("id")
	saved, err := s.Walls.Save(r.Context(), in, s.Clock.Now())
	if errors.Is(err, wall.ErrConflict) {
		return &conflictError{err, saved}
	}
	if err != nil {
		return err
	}
	return writeJSON(w, saved)
}
