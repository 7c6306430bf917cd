package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/alarms"
)

func (s *Server) listAlarms(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	seq := s.Live.Hub.Head() // before the list: an event in between is told again, never missed
	q := r.URL.Query()
	area, err := s.area(who, q.Get("grid"))
	if err != nil {
		return err
	}
	f := alarms.Filter{Source: q.Get("source"), Grid: area}
	for name, into := range map[string]*[]string{"state": &f.States, "priority": &f.Priorities, "rule": &f.Rules} {
		if text := q.Get(name); text != "" {
			*into = strings.Split(text, ",")
		}
	}
	flood, err := s.Alarms.Flood(r.Context())
	if err != nil {
		return err
	}
	list, err := s.Alarms.List(r.Context(), f)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"seq": seq, "flood": flood, "alarms": list})
}

// alarmID reads {id}; what is no number is no alarm.
func alarmID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("alarm %q: %w", r.PathValue("id"), alarms.ErrNotFound)
	}
	return id, nil
}

func (s *Server) getAlarm(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := alarmID(r)
	if err != nil {
		return err
	}
	a, history, err := s.Alarms.Get(r.Context(), id, who)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"alarm": a, "history": history})
}

func (s *Server) moveAlarm(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := alarmID(r)
	if err != nil {
		return err
	}
	var in struct {
		Move   string     `json:"move"`
		Reason string     `json:"reason"`
		Until  *time.Time `json:"until"`
	}
	if err := decode(w, r, 16<<10, &in); err != nil {
		return err
	}
	a, seq, err := s.Alarms.Move(r.Context(), who, id, alarms.Act{Move: in.Move, Reason: in.Reason, Until: in.Until})
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"alarm": a, "seq": seq})
}

// textIn is a text in both languages, or one string for both.
type textIn alarms.Text

func (t *textIn) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		if err := json.Unmarshal(text, &t.ZH); err != nil {
			return err
		}
		t.EN = t.ZH
		return nil
	}
	return json.Unmarshal(text, (*alarms.Text)(t))
}

type sensorIn struct {
	Rule     string           `json:"rule"`
	Key      string           `json:"key"`
	Priority alarms.Priority  `json:"priority"`
	Title    textIn           `json:"title"`
	Detail   textIn           `json:"detail"`
	Active   *bool            `json:"active"`
	Location *alarms.Location `json:"location"`
}

// keyed reads the body again for its checksum, and the Idempotency-Key that it stands under.
func keyed(w http.ResponseWriter, r *http.Request, limit int64, into any) (key string, sum [32]byte, err error) {
	key = r.Header.Get("Idempotency-Key")
	if len(key) > 255 {
		return "", sum, badRequest("key_too_long", "Idempotency-Key 不超过 255 字节", "Idempotency-Key has at most 255 bytes")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return "", sum, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return key, sha256.Sum256(body), decode(w, r, limit, into)
}

func (s *Server) reportAlarm(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in sensorIn
	key, sum, err := keyed(w, r, 16<<10, &in)
	if err != nil {
		return err
	}
	if in.Active == nil {
		return badRequest("active_missing", "请说明 active：true 或 false", "say active: true or false")
	}
	if in.Location != nil {
		if err := s.inside(who, in.Location.Lon, in.Location.Lat); err != nil {
			return err
		}
	}
	a, seq, err := s.Alarms.Report(r.Context(), who, alarms.Report{Rule: in.Rule, Key: in.Key, Priority: in.Priority, Title: alarms.Text(in.Title), Detail: alarms.Text(in.Detail),
		Active: *in.Active, Location: in.Location, Idempotency: key, Sum: sum})
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"alarm": a, "seq": seq})
}

// sos answers an officer with no more than that the call is taken.
func (s *Server) sos(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct {
		Lon    *float64 `json:"lon"`
		Lat    *float64 `json:"lat"`
		Active *bool    `json:"active"`
	}
	key, sum, err := keyed(w, r, 4<<10, &in)
	if err != nil {
		return err
	}
	report := alarms.Report{Active: in.Active == nil || *in.Active, Idempotency: key, Sum: sum}
	if in.Lon != nil && in.Lat != nil {
		report.Location = &alarms.Location{Lon: *in.Lon, Lat: *in.Lat}
	}
	a, seq, err := s.Alarms.SOS(r.Context(), who, report)
	if err != nil {
		return err
	}
	answer := map[string]any{"state": alarms.Normal, "seq": seq}
	if a != nil {
		answer["id"], answer["state"] = a.ID, a.State
	}
	return writeJSON(w, answer)
}

func (s *Server) checkAlarms(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	to, err := queryTime(r, "to", s.Clock.Now())
	if err != nil {
		return err
	}
	from, err := queryTime(r, "from", to.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	c, err := s.Alarms.Check(r.Context(), from, to)
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

// queryTime reads a time of the query; absent, it is what is given.
func queryTime(r *http.Request, name string, absent time.Time) (time.Time, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, badRequest("query_invalid", "参数 "+name+" 应为 RFC 3339 时间", "query parameter "+name+" is an RFC 3339 time")
	}
	return t, nil
}

// screenBeat notes a wall's own heartbeat; a person who looks at the wall's page is no screen.
func (s *Server) screenBeat(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in alarms.Heartbeat
	if err := decode(w, r, 16<<10, &in); err != nil {
		return err
	}
	if who.Role == access.Wall {
		if err := s.Alarms.Heard(r.Context(), r.PathValue("id"), r.PathValue("screen"), in); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
