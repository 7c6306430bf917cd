package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/project"

	"gridwall/dashboard/access"
	"gridwall/dashboard/layers"
	"gridwall/geo/crs"
	"gridwall/geo/grid"
)

// OGC API Features, part 1 (core, GeoJSON; OGC 17-069r4) and part 2 (coordinate reference systems; OGC 18-058r1).
// Not here: HTML pages, filters of part 3, and writing (part 4).

const (
	crs84  = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
	epsg   = "http://www.opengis.net/def/crs/EPSG/0/"
	itemsM = 10_000 // the most items of a page
)

// systems that items are given in; CRS84 is lon, lat, EPSG:4326 and 4490 lat, lon, 3857 metres.
var systems = []string{crs84, epsg + "4326", epsg + "4490", epsg + "3857"}

var conformance = []string{
	"http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
	"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
	"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
	"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
	"http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
}

type link struct {
	Href  string `json:"href"`
	Rel   string `json:"rel"`
	Type  string `json:"type,omitempty"`
	Title string `json:"title,omitempty"`
}

// origin is the address that the client reached the server by.
func origin(r *http.Request) string {
	scheme := "http"
	if secure(r) {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func (s *Server) ogcLanding(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	base := origin(r)
	const kind = "application/json"
	return writeJSON(w, map[string]any{
		"title": "Gridwall", "description": "网格、建筑物、摄像机与案卷 / grids, buildings, cameras and cases",
		"links": []link{
			{base + "/ogc", "self", kind, ""},
			{base + "/api/v1/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.0", ""},
			{base + "/ogc/conformance", "conformance", kind, ""},
			{base + "/ogc/collections", "data", kind, ""},
		},
	})
}

func (s *Server) ogcConformance(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	return writeJSON(w, map[string]any{"conformsTo": conformance})
}

type collection struct {
	ID          string         `json:"id"`
	Title       string         `json:"title"`
	Extent      map[string]any `json:"extent,omitempty"`
	ItemType    string         `json:"itemType"`
	CRS         []string       `json:"crs"`
	StorageCRS  string         `json:"storageCrs"`
	Description string         `json:"description,omitempty"`
	Links       []link         `json:"links"`
}

func (s *Server) collection(r *http.Request, l *layers.Layer) collection {
	here := origin(r) + "/ogc/collections/" + l.Name
	c := collection{ID: l.Name, Title: l.Title.Zh, ItemType: "feature", CRS: systems, StorageCRS: crs84, Links: []link{
		{here, "self", "application/json", ""}, {here + "/items", "items", "application/geo+json", l.Title.Zh}}}
	if english(r) {
		c.Title = l.Title.En
	}
	if b, ok := s.Places.Bounds(); ok && l.Name == "grids" {
		c.Extent = map[string]any{"spatial": map[string]any{"bbox": [][4]float64{box(b)}, "crs": crs84}}
	}
	return c
}

func (s *Server) ogcCollections(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	all := []collection{}
	for _, l := range s.layers().Layers(who) {
		all = append(all, s.collection(r, l))
	}
	return writeJSON(w, map[string]any{"collections": all, "crs": systems,
		"links": []link{{origin(r) + "/ogc/collections", "self", "application/json", ""}}})
}

func (s *Server) ogcCollection(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	l, err := s.layers().Layer(r.PathValue("collection"), who)
	if err != nil {
		return err
	}
	return writeJSON(w, s.collection(r, l))
}

// known parameters of items; another one is a fault (17-069r4, /req/core/query-param-invalid).
var itemParameters = map[string]bool{"bbox": true, "bbox-crs": true, "crs": true, "datetime": true, "limit": true, "after": true, "level": true, "datum": true, "f": true}

func (s *Server) ogcItems(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	l, err := s.layers().Layer(r.PathValue("collection"), who)
	if err != nil {
		return err
	}
	query := r.URL.Query()
	for name := range query {
		if !itemParameters[name] {
			return badRequest("query_invalid", "没有参数 "+name, "there is no parameter "+name)
		}
	}
	out, err := output(query)
	if err != nil {
		return err
	}
	q, err := itemQuery(r, l)
	if err != nil {
		return err
	}
	features := []json.RawMessage{}
	var failed error
	next, err := l.Read(r.Context(), who, q, func(f *layers.Feature) bool {
		f.Geometry = out.geometry(f.Geometry)
		var text []byte
		if text, failed = f.GeoJSON(l.Columns); failed == nil {
			features = append(features, text)
		}
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	here := origin(r) + r.URL.Path
	links := []link{{here + "?" + query.Encode(), "self", "application/geo+json", ""}, {origin(r) + "/ogc/collections/" + l.Name, "collection", "application/json", ""}}
	if next > 0 {
		query.Set("after", strconv.FormatInt(next, 10))
		links = append(links, link{here + "?" + query.Encode(), "next", "application/geo+json", ""})
	}
	w.Header().Set("Content-Crs", "<"+out.crs+">")
	w.Header().Set("Content-Type", "application/geo+json")
	return json.NewEncoder(w).Encode(map[string]any{"type": "FeatureCollection", "features": features, "links": links,
		"numberReturned": len(features), "timeStamp": time.Now().UTC().Format(time.RFC3339)})
}

func (s *Server) ogcItem(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	l, err := s.layers().Layer(r.PathValue("collection"), who)
	if err != nil {
		return err
	}
	out, err := output(r.URL.Query())
	if err != nil {
		return err
	}
	var found *layers.Feature
	if _, err := l.Read(r.Context(), who, layers.Query{ID: r.PathValue("item")}, func(f *layers.Feature) bool {
		found = f
		return false
	}); err != nil {
		return err
	}
	if found == nil {
		return errNoRoute
	}
	found.Geometry = out.geometry(found.Geometry)
	text, err := found.GeoJSON(l.Columns)
	if err != nil {
		return err
	}
	here := origin(r) + r.URL.Path
	links, err := json.Marshal([]link{{here, "self", "application/geo+json", ""}, {origin(r) + "/ogc/collections/" + l.Name, "collection", "application/json", ""}})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Crs", "<"+out.crs+">")
	w.Header().Set("Content-Type", "application/geo+json")
	_, err = fmt.Fprintf(w, `%s,"links":%s}`, text[:len(text)-1], links)
	return err
}

// itemQuery reads what chooses items.
func itemQuery(r *http.Request, l *layers.Layer) (q layers.Query, err error) {
	query := r.URL.Query()
	limit, err := queryInt(r, "limit", 1000, 1, math.MaxInt32)
	if err != nil {
		return q, err
	}
	q.Limit = int(min(limit, itemsM))
	if q.After, err = queryInt(r, "after", 0, 0, math.MaxInt64); err != nil {
		return q, err
	}
	if text := query.Get("bbox"); text != "" {
		b, err := bbox(text, query.Get("bbox-crs"))
		if err != nil {
			return q, err
		}
		q.BBox = &b
	}
	if text := query.Get("datetime"); text != "" && l.Time != "" {
		if q.Since, q.Until, err = interval(text); err != nil {
			return q, err
		}
	}
	if level := query.Get("level"); level != "" {
		if q.Level, err = grid.ParseLevel(level); err != nil {
			return q, badRequest("query_invalid", "level 应为 street、community 或 grid", "level is street, community or grid")
		}
	}
	return q, nil
}

// bbox reads four or six numbers in a system; the heights of six are passed over.
func bbox(text, system string) (orb.Bound, error) {
	bad := badRequest("query_invalid", "bbox 应为 4 个数: 最小经度,最小纬度,最大经度,最大纬度", "bbox is four numbers: min lon, min lat, max lon, max lat")
	parts := strings.Split(text, ",")
	if len(parts) == 6 {
		parts = []string{parts[0], parts[1], parts[3], parts[4]}
	}
	if len(parts) != 4 {
		return orb.Bound{}, bad
	}
	var v [4]float64
	for i, p := range parts {
		var err error
		if v[i], err = strconv.ParseFloat(strings.TrimSpace(p), 64); err != nil || math.IsNaN(v[i]) || math.IsInf(v[i], 0) {
			return orb.Bound{}, bad
		}
	}
	b := orb.Bound{Min: orb.Point{v[0], v[1]}, Max: orb.Point{v[2], v[3]}}
	switch system {
	case "", crs84:
	case epsg + "4326", epsg + "4490":
		b = orb.Bound{Min: orb.Point{v[1], v[0]}, Max: orb.Point{v[3], v[2]}}
	case epsg + "3857":
		b = orb.Bound{Min: project.Mercator.ToWGS84(b.Min), Max: project.Mercator.ToWGS84(b.Max)}
	default:
		return b, badRequest("crs_unknown", "bbox-crs 应为 "+strings.Join(systems, ", ")+" 之一", "bbox-crs is one of "+strings.Join(systems, ", "))
	}
	if b.Min[0] > b.Max[0] || b.Min[1] > b.Max[1] {
		return b, bad
	}
	return b, nil
}

// interval reads an instant, or two with a slash between; ".." or nothing is open.
func interval(text string) (since, until time.Time, err error) {
	from, to, two := strings.Cut(text, "/")
	if !two {
		to = from
	}
	read := func(s string) (t time.Time) {
		if s == "" || s == ".." {
			return t
		}
		t, e := time.Parse(time.RFC3339, s)
		if e != nil {
			err = badRequest("query_invalid", "datetime 应为 RFC 3339 时间或区间", "datetime is an RFC 3339 time, or two with a slash between")
		}
		return t
	}
	return read(from), read(to), err
}

// outputs says how geometries are given.
type outputs struct {
	crs   string
	datum crs.Datum
}

func output(query url.Values) (o outputs, err error) {
	o.crs = crs84
	if text := query.Get("crs"); text != "" {
		o.crs = ""
		for _, s := range systems {
			if text == s {
				o.crs = s
			}
		}
		if o.crs == "" {
			return o, badRequest("crs_unknown", "crs 应为 "+strings.Join(systems, ", ")+" 之一", "crs is one of "+strings.Join(systems, ", "))
		}
	}
	if text := query.Get("datum"); text != "" {
		if o.datum, err = crs.ParseDatum(text); err != nil {
			return o, badRequest("datum_unknown", "datum 应为 "+crs.Choices+" 之一", "datum is one of "+crs.Choices)
		}
	}
	return o, nil
}

// geometry is g, which stays as it is, in the system asked for.
func (o outputs) geometry(g orb.Geometry) orb.Geometry {
	g = layers.Datum(g, o.datum)
	switch o.crs {
	case epsg + "3857":
		return project.Geometry(orb.Clone(g), project.WGS84.ToMercator)
	case epsg + "4326", epsg + "4490":
		return project.Geometry(orb.Clone(g), func(p orb.Point) orb.Point { return orb.Point{p[1], p[0]} })
	}
	return g
}
