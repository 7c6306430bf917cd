package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"gridwall/dashboard/access"
)

func TestNearSaysWhichCamerasSeeThePlaceAndWhyNot(t *testing.T) {
	s, as := townTest(t)
	c := as(access.Admin)
	// A tall house in a field, a camera on each side of it and one that does not say where it looks.
	origin := orb.Point{121, 30}
	at := func(x, y float64) orb.Point {
		return geo.PointAtBearingAndDistance(geo.PointAtBearingAndDistance(origin, 90, x), 0, y)
	}
	ring := fmt.Sprintf("%f %f,%f %f,%f %f,%f %f,%f %f", at(-20, 20)[0], at(-20, 20)[1], at(20, 20)[0], at(20, 20)[1], at(20, 30)[0], at(20, 30)[1], at(-20, 30)[0], at(-20, 30)[1], at(-20, 20)[0], at(-20, 20)[1])
	if err := importText(t, s.pool, "buildings", "name,floors,wkt\n高塔,20,\"POLYGON (("+ring+"))\"\n", false); err != nil {
		t.Fatal(err)
	}
	camera := func(id string, p orb.Point, bearing string) string {
		return fmt.Sprintf("%s,%s,%s,90,150,%f,%f\n", id, id, bearing, p[0], p[1])
	}
	if err := importText(t, s.pool, "cameras", "id,name,bearing,angle,range_m,lon,lat\n"+
		camera("south", at(0, 0), "0")+camera("north", at(0, 100), "180")+camera("away", at(0, 110), "0")+camera("unknown", at(0, 90), ""), false); err != nil {
		t.Fatal(err)
	}
	place := at(0, 60)
	want := map[string]string{"north": "可见，40 米", "south": "被建筑遮挡（高塔），60 米", "away": "未朝向该处，50 米", "unknown": "方向未知，30 米"}
	var answer struct {
		Cameras []struct {
			ID     string
			Reason struct{ Zh string }
		}
	}
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // until the server has followed the imports
		if err := c.do(t.Context(), "GET", fmt.Sprintf("/api/v1/cameras/near?lon=%f&lat=%f&limit=9", place[0], place[1]), nil, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Cameras) == 4 && strings.Contains(fmt.Sprint(answer), "遮挡") {
			break
		}
	}
	var order []string
	for _, n := range answer.Cameras {
		order = append(order, n.ID)
		if n.Reason.Zh != want[n.ID] {
			t.Errorf("%s: %s, want %s", n.ID, n.Reason.Zh, want[n.ID])
		}
	}
	if len(order) != 4 || order[0] != "north" || order[1] != "unknown" {
		t.Errorf("ranked %v", order)
	}
	var blind struct {
		Points int
		Share  float64 `json:"blind_share"`
	}
	if err := c.do(t.Context(), "GET", "/api/v1/grids/150621901003/sight?step_m=20", nil, &blind); err != nil || blind.Points < 100 || blind.Share <= 0 || blind.Share > 1 {
		t.Errorf("%+v %v", blind, err)
	}
	var found struct {
		Buildings []struct {
			Name      string
			DistanceM float64 `json:"distance_m"`
		}
		Results []struct {
			Name  string
			Score float64
		}
	}
	if err := c.do(t.Context(), "GET", fmt.Sprintf("/api/v1/buildings/nearest?lon=%f&lat=%f", place[0], place[1]), nil, &found); err != nil || len(found.Buildings) != 1 || found.Buildings[0].Name != "高塔" {
		t.Errorf("%+v %v", found, err)
	}
	if err := c.do(t.Context(), "GET", "/api/v1/geocode?q=%E9%AB%98%E5%A1%94", nil, &found); err != nil || len(found.Results) != 1 || found.Results[0].Score != 1 {
		t.Errorf("%+v %v", found, err)
	}
	if err := c.do(t.Context(), "GET", "/api/v1/search?q=ylc", nil, &found); err != nil || len(found.Results) == 0 || found.Results[0].Name != "永来城" {
		t.Errorf("%+v %v", found, err)
	}
}
