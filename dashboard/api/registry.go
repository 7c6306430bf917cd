package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/cameras"
	"gridwall/geo"
	"gridwall/geo/crs"
	"gridwall/geo/importer"
	"gridwall/streams"
)

// form is a change that a person makes of one camera.
func form(who access.Identity) cameras.Act { return cameras.Act{Who: who.Username, How: "form"} }

func (s *Server) listRegistry(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	q := r.URL.Query()
	f := cameras.Filter{Match: geo.Matcher(q.Get("q"))}
	for _, state := range q["state"] {
		f.States = append(f.States, streams.State(state))
	}
	if q.Has("group") {
		group := q.Get("group")
		f.Group = &group
	}
	if q.Has("purpose") {
		purpose := q.Get("purpose")
		f.Purpose = &purpose
	}
	if q.Has("enabled") {
		enabled, err := strconv.ParseBool(q.Get("enabled"))
		if err != nil {
			return badRequest("query_invalid", "参数 enabled 应为 true 或 false", "query parameter enabled is true or false")
		}
		f.Enabled = &enabled
	}
	seq := s.Live.Hub.Head()
	records, total := s.Cameras.Registry(f, secret(who))
	return writeJSON(w, map[string]any{"seq": seq, "total": total, "cameras": records})
}

func (s *Server) registryRecord(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Record(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	return writeJSON(w, c)
}

func (s *Server) removeCamera(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if _, err := s.Cameras.Get(r.PathValue("id"), secret(who)); err != nil {
		return err
	}
	if err := s.Cameras.Remove(r.Context(), form(who), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) bulkCameras(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in cameras.Bulk
	if err := decode(w, r, 4<<20, &in); err != nil {
		return err
	}
	for _, id := range in.IDs {
		if _, err := s.Cameras.Get(id, secret(who)); err != nil {
			return err
		}
	}
	n, err := s.Cameras.Apply(r.Context(), cameras.Act{Who: who.Username, How: "bulk"}, in)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"changed": n})
}

func (s *Server) cameraChanges(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if !secret(who) {
		if _, err := s.Cameras.Get(r.PathValue("id"), false); err != nil {
			return err
		}
	}
	before, err := queryInt(r, "before", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	list, err := s.Cameras.Changes(r.Context(), r.PathValue("id"), before, int(limit))
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"changes": list})
}

func (s *Server) exportCameras(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	headings := r.URL.Query().Get("headings")
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="cameras.csv"`)
	return s.Cameras.Export(w, headings == "en" || headings == "" && english(r))
}

// maxList bounds a camera list, bytes.
const maxList = 64 << 20

// progressEvery is how often an import tells how far it has come.
const progressEvery = 100 * time.Millisecond

// importCameras answers lines of JSON while it works: {"done", "of"} rows, and last {"report"} or {"problem"}.
func (s *Server) importCameras(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	q := r.URL.Query()
	if _, err := crs.ParseDatum(q.Get("datum")); err != nil && !errors.Is(err, crs.ErrNoDatum) {
		return badRequest("datum_unknown", "坐标系应为 wgs84、cgcs2000、gcj02 或 bd09", "datum is wgs84, cgcs2000, gcj02 or bd09")
	}
	o := importer.Options{Datum: crs.Datum(q.Get("datum")), Encoding: q.Get("encoding"), Layer: q.Get("layer"), Aliases: cameras.Aliases, Columns: map[string]string{}}
	for _, pair := range q["columns"] {
		field, column, ok := strings.Cut(pair, "=")
		if !ok {
			return badRequest("query_invalid", "参数 columns 应为 字段=列名", "query parameter columns is field=column")
		}
		o.Columns[field] = column
	}
	dry := q.Get("dry_run") == "true" || q.Get("dry_run") == "1"
	file, err := os.CreateTemp("", "gridwall-cameras-*") // 0600; a workbook is read in place
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := io.Copy(file, http.MaxBytesReader(w, r.Body, maxList))
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	name := path.Base("/" + q.Get("name"))
	if name == "/" {
		name = "cameras"
	}
	in, err := importer.NewReader(name, file, size, o)
	if err != nil {
		return fileProblem(err)
	}
	defer in.Close()

	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	out := json.NewEncoder(w)
	flush := http.NewResponseController(w).Flush
	last := time.Now()
	report, err := s.Cameras.Take(r.Context(), cameras.Act{Who: who.Username, How: "import"}, in, s.Places, dry, func(done, of int) {
		if time.Since(last) < progressEvery {
			return
		}
		last = time.Now()
		_ = out.Encode(map[string]int{"done": done, "of": of}) // whoever went away is told nothing
		_ = flush()
	})
	if err != nil && !errors.Is(err, importer.ErrRefused) {
		status, code, words, _ := s.explain(fileProblem(err))
		if status == http.StatusInternalServerError {
			s.Log.Error("import of cameras ended", "error", err)
		}
		detail := words.zh
		if english(r) {
			detail = words.en
		}
		return out.Encode(map[string]any{"problem": problem{"about:blank", http.StatusText(status), status, code, detail, nil}})
	}
	return out.Encode(map[string]any{"report": report})
}

// fileProblem is a fault of the file in words: what the importer says of it is for people already.
func fileProblem(err error) error {
	var file *importer.FileError
	if errors.As(err, &file) {
		return &importer.FileError{File: file.File, Line: file.Line, Reason: importer.Text{Zh: cameras.Hush(file.Reason.Zh), En: cameras.Hush(file.Reason.En)}}
	}
	if errors.Is(err, crs.ErrNoDatum) {
		return err
	}
	if strings.Contains(err.Error(), "encoding") {
		return badRequest("encoding_unknown", fmt.Sprintf("没有这种编码，可用：%s", importer.Encodings), fmt.Sprintf("no such encoding: %s", importer.Encodings))
	}
	return err
}

func (s *Server) sweepCameras(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	s.Hub.Check()
	return writeJSONCode(w, http.StatusAccepted, map[string]any{"cameras": len(s.Hub.Statuses())})
}

func (s *Server) testCamera(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	c, err := s.Cameras.Get(r.PathValue("id"), secret(who))
	if err != nil {
		return err
	}
	if sent, err := s.elsewhere(w, r, who, c); sent {
		return err
	}
	t, err := s.Cameras.Test(r.Context(), c.ID, secret(who))
	if err != nil {
		return err
	}
	return writeJSON(w, t)
}

func (s *Server) discoverDevices(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct{ At string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	devices, err := s.Cameras.Discover(r.Context(), in.At, s.CameraNet)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"devices": devices})
}

func (s *Server) askDevice(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var in struct{ Address, Username, Password string }
	if err := decode(w, r, 4<<10, &in); err != nil {
		return err
	}
	pictures, err := cameras.AskDevice(r.Context(), in.Address, in.Username, in.Password, s.CameraNet)
	if err != nil {
		return err
	}
	return writeJSON(w, pictures)
}

func (s *Server) strips(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	hours, err := queryInt(r, "hours", 24, 1, 168)
	if err != nil {
		return err
	}
	strips, err := s.Cameras.Strips(r.Context(), time.Now(), int(hours))
	if err != nil {
		return err
	}
	for id := range strips {
		if _, err := s.Cameras.Get(id, secret(who)); err != nil {
			delete(strips, id)
		}
	}
	return writeJSON(w, map[string]any{"hours": hours, "cameras": strips})
}

// week is how far back availability goes unless said.
const week = 7 * 24 * time.Hour

func (s *Server) availability(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if _, err := s.Cameras.Get(r.PathValue("id"), secret(who)); err != nil {
		return err
	}
	to := time.Now()
	from := to.Add(-week)
	for name, into := range map[string]*time.Time{"from": &from, "to": &to} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return badRequest("query_invalid", "参数 "+name+" 应为 RFC 3339 时间", "query parameter "+name+" is a time of RFC 3339")
		}
		*into = at
	}
	a, err := s.Cameras.Availability(r.Context(), r.PathValue("id"), from, to)
	if err != nil {
		return err
	}
	return writeJSON(w, a)
}
