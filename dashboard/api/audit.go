package api

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gridwall/dashboard/access"
	"gridwall/dashboard/audit"
)

// wantedOf reads what of the audit is asked for.
func wantedOf(r *http.Request) (audit.Wanted, error) {
	q := r.URL.Query()
	wanted := audit.Wanted{Object: q.Get("object"), Username: q.Get("username"), Act: q.Get("act"), To: time.Now().Add(time.Minute)}
	for name, into := range map[string]*time.Time{"from": &wanted.From, "to": &wanted.To} {
		text := q.Get(name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return wanted, badRequest("query_invalid", "参数 "+name+" 应为 RFC 3339 时间", "query parameter "+name+" must be a time of RFC 3339")
		}
		*into = at
	}
	return wanted, nil
}

func (s *Server) readAudit(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	wanted, err := wantedOf(r)
	if err != nil {
		return err
	}
	limit, err := queryInt(r, "limit", 200, 1, 2000)
	if err != nil {
		return err
	}
	entries, err := audit.Find(r.Context(), s.Pool, wanted, int(limit))
	if err != nil {
		return err
	}
	if entries == nil {
		entries = []audit.Entry{}
	}
	return writeJSON(w, map[string]any{"entries": entries})
}

// maxAuditRows bounds one export; a longer time is exported in parts.
const maxAuditRows = 100_000

// exportAudit writes a CSV that spreadsheets open as it is: UTF-8 with its mark, and no cell that they take for a formula.
func (s *Server) exportAudit(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	wanted, err := wantedOf(r)
	if err != nil {
		return err
	}
	entries, err := audit.Find(r.Context(), s.Pool, wanted, maxAuditRows)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="audit-`+time.Now().UTC().Format("20060102")+`.csv"`)
	if _, err := w.Write([]byte("\xef\xbb\xbf")); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	_ = out.Write([]string{"id", "at", "until", "account", "username", "role", "act", "object", "detail"}) // told by Flush
	for _, e := range entries {
		until := ""
		if e.Until != nil {
			until = e.Until.Format(time.RFC3339Nano)
		}
		_ = out.Write([]string{e.ID, e.At.Format(time.RFC3339Nano), until, strconv.Itoa(e.Account), plain(e.Username), string(e.Role), plain(e.Act), plain(e.Object), string(e.Detail)})
	}
	out.Flush()
	return out.Error()
}

// plain keeps a spreadsheet from taking a text for a formula.
func plain(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
