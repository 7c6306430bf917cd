package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

// proofLine says what one route told a wall.
type proofLine struct {
	Route string `json:"route"`
	Asked int    `json:"asked"`
	Bytes int64  `json:"bytes"`
	Found int    `json:"found"` // numbers of persons that it told
}

// proof is what a wall was told when it asked for everything that it may.
type proof struct {
	At      time.Time   `json:"at"`
	Numbers int         `json:"numbers"` // different ones that stand in the newest cases, and were looked for
	Cases   int         `json:"cases"`   // that they were looked for in
	Found   int         `json:"found"`
	Whole   bool        `json:"whole"` // false: the time was over before everything was asked
	Lines   []proofLine `json:"lines"`
}

const (
	proofCases  = 2000             // the newest, whose numbers are looked for
	proofOpened = 20               // of these with numbers, each is asked for by itself
	proofWithin = 25 * time.Second // a request of the API has 30
	proofListen = 2 * time.Second  // how long the socket is heard after its snapshot began
)

const proofTexts = `
SELECT c.id, concat_ws(E'\n', c.title, c.description, c.address, c.reporter->>'phone', (SELECT string_agg(m.note, E'\n') FROM case_move AS m WHERE m.case_id = c.id)),
       ST_X(c.geom), ST_Y(c.geom)
FROM case_file AS c
ORDER BY c.id DESC
LIMIT $1`

// runs are what may be a number of a person: digits, with hyphens between, and the X of an identity card.
var runs = regexp.MustCompile(`[0-9][0-9-]{5,24}[0-9Xx]`)

// personal gives the numbers of persons in a text, without hyphens: of telephones (7 to 12 digits from 0 or 1) and identity cards.
func personal(text []byte, found func(number string)) {
	for _, run := range runs.FindAll(text, -1) {
		n := strings.ReplaceAll(string(run), "-", "")
		if len(n) == 18 || len(n) >= 10 && len(n) <= 12 && (n[0] == '0' || n[0] == '1' && n[1] >= '3') {
			found(n)
		}
	}
}

// proveWalls has a wall of its own ask for everything that walls may, over HTTP and the websocket, and looks in the answers
// for the numbers of persons that stand in the newest cases. The audit tells what came of it.
func (s *Server) proveWalls(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	ctx, cancel := context.WithTimeout(r.Context(), proofWithin)
	defer cancel()
	p := proof{At: time.Now().UTC(), Whole: true, Lines: []proofLine{}}
	known := map[string]bool{}
	var opened []int64
	var lon, lat float64
	rows, err := s.Pool.Query(ctx, proofTexts, proofCases)
	if err != nil {
		return err
	}
	var id int64
	var text string
	var x, y float64
	_, err = pgx.ForEachRow(rows, []any{&id, &text, &x, &y}, func() error {
		p.Cases++
		before := len(known)
		personal([]byte(text), func(n string) { known[n] = true })
		if len(known) > before && len(opened) < proofOpened {
			opened = append(opened, id)
			lon, lat = x, y
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.Numbers = len(known)

	name := "proof-" + strings.ToLower(rand.Text()[:8])
	token, err := s.Access.NewDevice(ctx, name)
	if err != nil {
		return err
	}
	defer func() {
		if err := s.Access.RevokeDevice(context.WithoutCancel(ctx), name); err != nil {
			s.Log.Error("the device of a proof is still there: put it out", "device", name, "error", err)
		}
	}()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	web := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() { _ = web.Serve(listener); close(served) }()
	defer func() { _ = web.Close(); <-served }()

	wall := prover{ctx, listener.Addr().String(), token, known}
	for _, l := range s.routes() {
		method, path, _ := strings.Cut(l.pattern, " ")
		if method != "GET" || l.right == open || !(access.Identity{Role: access.Wall}).May(l.right) || l.pattern == "GET /live" {
			continue
		}
		line := proofLine{Route: l.pattern}
		for _, path := range s.proofPaths(ctx, path, opened, lon, lat) {
			n, found, err := wall.ask(path)
			if err != nil {
				p.Whole = p.Whole && ctx.Err() == nil
				continue
			}
			line.Asked++
			line.Bytes += n
			line.Found += found
		}
		if line.Asked > 0 {
			p.Lines = append(p.Lines, line)
		}
	}
	n, found, err := wall.listen()
	p.Whole = p.Whole && err == nil
	p.Lines = append(p.Lines, proofLine{"GET /live", 1, n, found})
	for _, l := range p.Lines {
		p.Found += l.Found
	}
	slices.SortStableFunc(p.Lines, func(a, b proofLine) int { return cmp.Compare(b.Found, a.Found) })
	s.Plays.Note(who, "wall.check", fmt.Sprint(p.Found), map[string]any{"numbers": p.Numbers, "cases": p.Cases, "routes": len(p.Lines), "whole": p.Whole, "from": host(r)})
	return writeJSON(w, p)
}

// proofPaths fills a route's placeholders in with what stands here; none: it is not asked (pictures, films, files of other hosts).
func (s *Server) proofPaths(ctx context.Context, path string, cases []int64, lon, lat float64) (paths []string) {
	fill := func(placeholder string, values ...string) {
		for _, v := range values {
			paths = append(paths, strings.Replace(path, placeholder, v, 1))
		}
	}
	var ids []string
	for _, id := range cases {
		ids = append(ids, fmt.Sprint(id))
	}
	listed := func(sql string) (list []string) {
		rows, err := s.Pool.Query(ctx, sql)
		if err != nil {
			return nil
		}
		list, _ = pgx.CollectRows(rows, pgx.RowTo[string]) // what cannot be listed is not asked
		return list
	}
	switch {
	case strings.HasPrefix(path, "/api/v1/cases/{id}"):
		fill("{id}", ids...)
	case path == "/api/v1/cases":
		paths = []string{path + "?limit=1000", path + "?limit=1000&open=false"}
	case path == "/api/v1/search":
		paths = []string{path + "?q=1", path + "?q=" + "电话", path + "?q=13"}
	case strings.HasPrefix(path, "/api/v1/alarms/{id}"):
		fill("{id}", listed(`SELECT id::text FROM alarm ORDER BY id DESC LIMIT 20`)...)
	case strings.HasPrefix(path, "/api/v1/walls/{id}"):
		fill("{id}", listed(`SELECT id FROM wall ORDER BY id LIMIT 5`)...)
	case path == "/api/v1/grids/{code}/sight": // costs seconds, and tells areas
		fill("{code}", listed(`SELECT code || '/sight?step_m=100' FROM grid WHERE level = 'grid' ORDER BY code LIMIT 1`)...)
		for i := range paths {
			paths[i] = strings.TrimSuffix(paths[i], "/sight")
		}
	case strings.HasPrefix(path, "/api/v1/grids/{code}"):
		fill("{code}", listed(`SELECT code FROM grid ORDER BY code LIMIT 5`)...)
	case strings.HasPrefix(path, "/api/v1/buildings/{id}"):
		fill("{id}", listed(`SELECT id::text FROM building ORDER BY id LIMIT 5`)...)
	case path == "/api/v1/cameras/{id}" || path == "/api/v1/cameras/{id}/view":
		fill("{id}", listed(`SELECT id FROM camera WHERE NOT secret ORDER BY id LIMIT 5`)...)
	case strings.HasPrefix(path, "/api/v1/flows/{flow}"):
		fill("{flow}", "incident")
	case strings.HasPrefix(path, "/ogc/collections/{collection}/items/{item}"):
		path = strings.Replace(path, "{collection}", "cases", 1)
		fill("{item}", ids...)
	case strings.HasPrefix(path, "/ogc/collections/{collection}"):
		fill("{collection}", "cases", "cameras", "grids", "buildings")
	case path == "/tiles/{file}":
		fill("{file}", "grids.json", "buildings.json", "cameras.json")
	case path == "/tiles/{layer}/{z}/{x}/{file}":
		for _, layer := range []string{"grids", "buildings", "cameras", "backdrop"} {
			for _, z := range []int{12, 14, 16} {
				x, y := tileAt(lon, lat, z)
				paths = append(paths, fmt.Sprintf("/tiles/%s/%d/%d/%d.mvt", layer, z, x, y))
			}
		}
	case path == "/api/v1/locate" || path == "/api/v1/geocode" || path == "/api/v1/buildings/nearest" || path == "/api/v1/cameras/near":
		paths = []string{fmt.Sprintf("%s?lon=%f&lat=%f", path, lon, lat)}
	case !strings.Contains(path, "{") && path != "/streams":
		paths = []string{path}
	}
	return paths
}

// tileAt is the tile of a place in Web Mercator's scheme.
func tileAt(lon, lat float64, z int) (x, y int) {
	n := math.Exp2(float64(z))
	rad := lat * math.Pi / 180
	return int((lon + 180) / 360 * n), int((1 - math.Asinh(math.Tan(rad))/math.Pi) / 2 * n)
}

// prover asks as a wall does.
type prover struct {
	ctx     context.Context
	address string
	token   string
	known   map[string]bool
}

func (p prover) look(text []byte) (found int) {
	told := map[string]bool{}
	personal(text, func(n string) {
		if p.known[n] {
			told[n] = true
		}
	})
	return len(told)
}

func (p prover) ask(path string) (n int64, found int, err error) {
	r, err := http.NewRequestWithContext(p.ctx, http.MethodGet, "http://"+p.address+path, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<20))
	return int64(len(text)), p.look(text), err
}

// listen follows the log as a wall does, from its snapshot on.
func (p prover) listen() (n int64, found int, err error) {
	conn, answer, err := websocket.DefaultDialer.DialContext(p.ctx, "ws://"+p.address+"/live", http.Header{"Authorization": {"Bearer " + p.token}})
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	defer answer.Body.Close()
	_ = conn.SetReadDeadline(time.Now().Add(proofListen)) // a read fails where it cannot be set
	for {
		_, text, err := conn.ReadMessage()
		var over net.Error
		if errors.As(err, &over) && over.Timeout() {
			return n, found, nil
		}
		if err != nil {
			return n, found, err
		}
		n += int64(len(text))
		found += p.look(text)
	}
}
