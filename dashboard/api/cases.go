package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"github.com/jackc/pgx/v5"
	"gridwall/dashboard/audit"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cases"
)

// maxCaseBody holds a report with a few inline photos.
const maxCaseBody = 48 << 20

// photoIn is a photo of a report or a move: an id, a data: URL, or {kind, id} or {kind, data}.
type photoIn struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Data string `json:"data"`
}

func (p *photoIn) UnmarshalJSON(text []byte) error {
	type plain photoIn
	if len(text) > 0 && text[0] == '"' {
		var word string
		if err := json.Unmarshal(text, &word); err != nil {
			return err
		}
		if strings.HasPrefix(word, "data:") {
			p.Data = word
		} else {
			p.ID = word
		}
		return nil
	}
	return json.Unmarshal(text, (*plain)(p))
}

// photos decodes the pictures; those without a kind get the usual one.
func photos(in []photoIn, usual string) ([]cases.NewPhoto, error) {
	out := make([]cases.NewPhoto, len(in))
	for i, p := range in {
		out[i] = cases.NewPhoto{Kind: p.Kind, ID: p.ID}
		if p.Kind == "" {
			out[i].Kind = usual
		}
		if p.ID != "" {
			continue
		}
		head, data, ok := strings.Cut(p.Data, ",")
		raw, err := base64.StdEncoding.DecodeString(data)
		if !ok || !strings.HasPrefix(head, "data:image/") || !strings.HasSuffix(head, ";base64") || err != nil {
			return nil, badRequest("photo_invalid", "照片应为已上传的 id，或 data:image/jpeg;base64,…", "a photo is the id of an upload, or data:image/jpeg;base64,…")
		}
		out[i].Data = raw
	}
	return out, nil
}

type reportIn struct {
	Flow        string          `json:"flow"`
	Class       string          `json:"class"`
	Condition   string          `json:"condition"`
	Priority    cases.Priority  `json:"priority"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Address     string          `json:"address"`
	Location    *cases.Location `json:"location"`
	Camera      string          `json:"camera"`
	Photos      []photoIn       `json:"photos"`
	Reporter    *cases.Reporter `json:"reporter"`
}

// idempotent is the request's Idempotency-Key and what it stands for: address and body. The body can be read again.
func idempotent(w http.ResponseWriter, r *http.Request) (key string, sum [sha256.Size]byte, err error) {
	if key = r.Header.Get("Idempotency-Key"); len(key) > 255 {
		return "", sum, badRequest("key_too_long", "Idempotency-Key 不超过 255 字节", "Idempotency-Key has at most 255 bytes")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCaseBody))
	if err != nil {
		return "", sum, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if key != "" {
		sum = sha256.Sum256(append([]byte(r.URL.Path+"\n"), body...))
	}
	return key, sum, nil
}

func (s *Server) reportCase(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	key, sum, err := idempotent(w, r)
	if err != nil {
		return err
	}
	in := reportIn{Flow: "incident"}
	if err := decode(w, r, maxCaseBody, &in); err != nil {
		return err
	}
	pictures, err := photos(in.Photos, "near")
	if err != nil {
		return err
	}
	if in.Location != nil {
		if err := s.inside(who, in.Location.Lon, in.Location.Lat); err != nil {
			return err
		}
	}
	c, seq, err := s.Cases.Report(r.Context(), who, cases.Report{
		Flow: in.Flow, Class: in.Class, Condition: in.Condition, Priority: in.Priority, Title: in.Title, Description: in.Description, Address: in.Address,
		Location: in.Location, Camera: in.Camera, Photos: pictures, Reporter: in.Reporter, Key: key, Sum: sum,
	})
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/cases/%d", c.ID))
	answer := map[string]any{"id": c.ID, "number": c.Number, "state": c.State, "grid": c.Grid, "seq": seq}
	if c.Class != nil && who.May(access.CaseRead) {
		same, err := s.Cases.SameAs(r.Context(), c)
		if err != nil { // the report stands: the offer is made again with the case
			s.Log.Warn("offer to merge not made", "case", c.ID, "error", err)
		}
		if same = s.ofOwn(who, same); len(same) > 0 {
			answer["same"] = same
		}
	}
	return writeJSONCode(w, http.StatusCreated, answer)
}

// ofOwn keeps the cases of who's jurisdiction.
func (s *Server) ofOwn(who access.Identity, same []cases.Same) []cases.Same {
	return slices.DeleteFunc(same, func(o cases.Same) bool { return who.Grid != "" && (o.Grid == nil || !s.within(who, *o.Grid)) })
}

// matchesOf leaves out what lies outside the jurisdiction of who asks.
func (s *Server) matchesOf(who access.Identity, matches []cases.Match) []cases.Match {
	return slices.DeleteFunc(matches, func(o cases.Match) bool { return who.Grid != "" && (o.Grid == nil || !s.within(who, *o.Grid)) })
}

func (s *Server) listCases(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	q := r.URL.Query()
	area, err := s.area(who, q.Get("grid"))
	if err != nil {
		return err
	}
	f := cases.Filter{Grid: area, Line: who.Department, Flow: q.Get("flow"), Query: q.Get("q"), Camera: q.Get("camera"), Masked: !who.May(access.NumbersRead)}
	for name, into := range map[string]*[]string{"state": &f.States, "priority": &f.Priorities, "light": &f.Lights} {
		if text := q.Get(name); text != "" {
			*into = strings.Split(text, ",")
		}
	}
	if text := q.Get("open"); text != "" {
		open, err := strconv.ParseBool(text)
		if err != nil {
			return badRequest("query_invalid", "参数 open 应为 true 或 false", "query parameter open is true or false")
		}
		f.Open = &open
	}
	if text := q.Get("mine"); text != "" {
		mine, err := strconv.ParseBool(text)
		if err != nil {
			return badRequest("query_invalid", "参数 mine 应为 true 或 false", "query parameter mine is true or false")
		}
		if mine && who.Officer == "" {
			return badRequest("no_officer", "本账号未与花名册中的网格员关联，没有个人任务", "this account is nobody's of the roster: it has no tasks of its own")
		}
		if mine {
			f.Officer = who.Officer
		}
	}
	if text := q.Get("fell_due"); text != "" {
		if f.FellDue, err = strconv.ParseBool(text); err != nil {
			return badRequest("query_invalid", "参数 fell_due 应为 true 或 false", "query parameter fell_due is true or false")
		}
	}
	if text := q.Get("bbox"); text != "" {
		var b [4]float64
		parts := strings.Split(text, ",")
		ok := len(parts) == 4
		for i := range min(len(parts), 4) {
			v, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
			ok = ok && err == nil && v >= -180 && v <= 180
			b[i] = v
		}
		if !ok || b[0] > b[2] || b[1] > b[3] {
			return badRequest("query_invalid", "参数 bbox 应为 西,南,东,北（度）", "query parameter bbox is west,south,east,north in degrees")
		}
		f.BBox = &b
	}
	if text := q.Get("since"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return badRequest("query_invalid", "参数 since 应为 RFC 3339 时间", "query parameter since is a time like 2018-12-24T07:05:00Z")
		}
		f.Since = at
	}
	limit, err := queryInt(r, "limit", 500, 1, 5000)
	if err != nil {
		return err
	}
	f.Limit = int(limit)
	if f.After, err = queryInt(r, "after", 0, 1, 1<<62); err != nil {
		return err
	}
	list, seq, next, err := s.Cases.List(r.Context(), f)
	if err != nil {
		return err
	}
	answer := map[string]any{"seq": seq, "cases": list, "next": nil}
	if next != 0 {
		answer["next"] = next
	}
	return writeJSON(w, answer)
}

// caseID reads {id}; what is no number is no case.
func caseID(r *http.Request) (int64, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("case %q: %w", r.PathValue("id"), cases.ErrNotFound)
	}
	return id, nil
}

func (s *Server) getCase(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	c, err := s.Cases.Get(r.Context(), id, who)
	if err != nil {
		return err
	}
	c.Same, c.Matches = s.ofOwn(who, c.Same), s.matchesOf(who, c.Matches)
	return writeJSON(w, c)
}

// reporter shows who reported a case to who says what for. It is on the audit before it is shown, or it is not shown.
func (s *Server) reporter(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	var in struct{ Purpose string }
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	if _, ok := cases.Purposes[in.Purpose]; !ok {
		names := strings.Join(slices.Sorted(maps.Keys(cases.Purposes)), ", ")
		return badRequest("purpose_missing", "请说明查看目的（purpose）："+names, "say what for (purpose): "+names)
	}
	var reporter *cases.Reporter
	err = pgx.BeginFunc(r.Context(), s.Pool, func(tx pgx.Tx) (err error) {
		if reporter, err = s.Cases.Reporter(r.Context(), tx, id); err != nil {
			return err
		}
		now := time.Now()
		e, err := audit.New(who, "reporter.view", strconv.FormatInt(id, 10), map[string]string{"purpose": in.Purpose, "from": host(r)}, now)
		if err != nil {
			return err
		}
		return audit.Append(r.Context(), tx, now, e)
	})
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"reporter": reporter})
}

func (s *Server) caseTimeline(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	entries, err := s.Cases.Timeline(r.Context(), id)
	if err != nil {
		return err
	}
	if who.Role == access.Wall { // no person's name on a wall
		for i := range entries {
			entries[i].By.Name = ""
		}
	}
	return writeJSON(w, map[string]any{"entries": entries})
}

func (s *Server) moveCase(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	id, err := caseID(r)
	if err != nil {
		return err
	}
	key, sum, err := idempotent(w, r)
	if err != nil {
		return err
	}
	var in struct {
		Move       string    `json:"move"`
		Note       string    `json:"note"`
		Department string    `json:"department"`
		Rating     *int      `json:"rating"`
		Photos     []photoIn `json:"photos"`

		Departments []string   `json:"departments"`
		Until       *time.Time `json:"until"`
		Case        int64      `json:"case"`

		Fields map[string]int64 `json:"fields"`
	}
	if err := decode(w, r, maxCaseBody, &in); err != nil {
		return err
	}
	pictures, err := photos(in.Photos, "after")
	if err != nil {
		return err
	}
	c, seq, err := s.Cases.Move(r.Context(), id, who, cases.Act{Move: in.Move, Note: in.Note, Department: in.Department, Rating: in.Rating, Photos: pictures,
		Departments: in.Departments, Until: in.Until, Case: in.Case, Fields: in.Fields, Key: key, Sum: sum})
	if err != nil {
		return err
	}
	c.Same, c.Matches = s.ofOwn(who, c.Same), s.matchesOf(who, c.Matches)
	return writeJSON(w, struct {
		*cases.Full
		Seq int64 `json:"seq"`
	}{c, seq})
}

func (s *Server) uploadPhoto(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, cases.MaxPhoto))
	if err != nil {
		return err
	}
	id, err := s.Cases.Upload(r.Context(), who, data)
	if err != nil {
		return err
	}
	return writeJSONCode(w, http.StatusCreated, map[string]string{"id": id, "url": "/api/v1/photos/" + id})
}

func (s *Server) photo(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	jpeg, err := s.Cases.PhotoJPEG(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/jpeg")
	w.Header().Set("Cache-Control", "private, max-age=86400, immutable")
	_, err = w.Write(jpeg)
	return err
}

func (s *Server) flow(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	f, err := s.Cases.Flow(r.PathValue("flow"))
	if err != nil {
		return err
	}
	return writeJSON(w, f)
}

func (s *Server) flows(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	return writeJSON(w, map[string]any{"flows": s.Cases.Flows()})
}

func (s *Server) flowSums(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	area, err := s.area(who, r.URL.Query().Get("grid"))
	if err != nil {
		return err
	}
	by := r.URL.Query().Get("by")
	if by != "" && by != "department" {
		return badRequest("query_invalid", "参数 by 只能为 department", "query parameter by is department, or absent")
	}
	sums, err := s.Cases.Sums(r.Context(), r.PathValue("flow"), area, who.Department, by != "")
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"sums": sums})
}

func (s *Server) reloadFlows(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if s.Flows == nil {
		return &requestError{"no_flow_folder", "本服务器没有流程文件夹：请放在数据目录的 flows 下后重启", "this server has no folder of flow files: put them into flows of the data folder and start it again"}
	}
	flows, err := s.Cases.ReloadFlows(r.Context(), s.Flows)
	if err != nil {
		return err
	}
	type read struct {
		Flow    string     `json:"flow"`
		Edition int        `json:"edition"`
		Name    cases.Text `json:"name"`
	}
	list := make([]read, len(flows))
	for i, f := range flows {
		list[i] = read{f.Flow, f.Edition, f.Name}
	}
	return writeJSON(w, map[string]any{"flows": list})
}

func (s *Server) departments(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Roster.Departments(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"departments": list})
}

func (s *Server) setDuty(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct {
		Officer    string `json:"officer"`
		Department string `json:"department"`
		OnDuty     *bool  `json:"on_duty"`
	}
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	if (in.Officer == "") == (in.Department == "") || in.OnDuty == nil {
		return badRequest("duty_invalid", "请给出 officer 或 department 之一，以及 on_duty", "give officer or department, one of them, and on_duty")
	}
	if err := s.Roster.SetDuty(r.Context(), in.Officer, in.Department, *in.OnDuty); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) officersOnDuty(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Roster.OnDuty(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"officers": list})
}

func (s *Server) situation(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	now, err := s.Cases.Situation(r.Context())
	if err != nil {
		return err
	}
	officers, onDuty, err := s.Roster.Duty(r.Context())
	if err != nil {
		return err
	}
	total, online := s.Cameras.Count(nil)
	return writeJSON(w, struct {
		*cases.Situation
		Cameras  map[string]int `json:"cameras"`
		Officers map[string]int `json:"officers"`
	}{now, map[string]int{"total": total, "online": online}, map[string]int{"total": officers, "on_duty": onDuty}})
}

func (s *Server) setClock(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if !s.SettableClock {
		return &requestError{"clock_runs", "本服务器的时钟不可设置：以 --settable-clock 启动后才能模拟时间", "this server's clock cannot be set: start it with --settable-clock"}
	}
	var in struct {
		Now time.Time `json:"now"`
	}
	if err := decode(w, r, 1<<10, &in); err != nil {
		return err
	}
	if in.Now.IsZero() {
		return badRequest("body_invalid", "请给出 now（RFC 3339）", "give now, a time like 2018-12-24T07:05:00Z")
	}
	s.Clock.Set(in.Now)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) releaseClock(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	s.Clock.Release()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
