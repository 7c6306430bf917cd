package geo

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/geo"

	"gridwall/geo/building"
	"gridwall/geo/grid"
)

// mapOf is a map of buildings alone.
func mapOf(all []building.Building) *Map {
	m := &Map{}
	tree := grid.NewTree(nil)
	m.grids.Store(gridsOf(tree))
	m.buildings.Store(buildingsOf(all, tree))
	return m
}

func TestNormal(t *testing.T) {
	for in, want := range map[string]string{
		"永來路１２號": "永来路12号", "永来路十二号": "永来路12号", "二十三号楼": "23号楼", "三〇五室": "305室", "一百零五号": "105号", "Ａ座": "a座",
		"第七网格": "第7网格", "两千零八": "2008", "十号": "10号", "永来　城": "永来城", "": "",
	} {
		if got := normal(in); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func TestSearchFindsHoweverItIsWritten(t *testing.T) {
	m := mapOf([]building.Building{
		{ID: 1, Name: "永来城", Address: "永来路12号"}, {ID: 2, Name: "永来城三期", Address: "永来路14号"}, {ID: 3, Name: "滨河小区3号楼", Address: "滨河路1号"},
		{ID: 4, Address: "重庆路一百零五号", Code: "B-105"}, {ID: 5, Name: "Block A 座", Address: "胜利路　7 号"},
	})
	for q, want := range map[string]string{
		"ylc": "1 2", "YLC": "1 2", "yonglaicheng": "1 2", "yonglai": "1 2", "永来城": "1 2", "永來城": "1 2", "三号楼": "3", "3號樓": "3", "３号楼": "3", "bhxq": "3",
		"永来路十二号": "1", "105号": "4", "b-105": "4", "Ｂ－１０５": "4", "bhl1": "3", "yong lai cheng": "1 2", "没有": "", "永来路 12 号": "1", "胜利路7号": "5", "block a座": "5", "胜利路 七 号": "5",
	} {
		var got []string
		for _, r := range m.Search(q, 10) {
			got = append(got, r.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s found %v, want %s", q, got, want)
		}
	}
}

func TestGeocodeGivesPointAndScore(t *testing.T) {
	m := mapOf([]building.Building{{ID: 1, Name: "永来城", Address: "永来路12号"}, {ID: 2, Address: "永来路120号"}, {ID: 3, Address: "滨河路12号"}})
	for _, tc := range []struct {
		q     string
		id    uint64
		least float64
		most  float64
	}{
		{"永来路12号", 1, 1, 1}, {"永來路十二號", 1, 1, 1}, {"鄂托克旗永来路12号3单元301室", 1, 0.4, 0.9}, {"滨河路12号", 3, 1, 1}, {"永来路120号", 2, 1, 1},
	} {
		found := m.Geocode(tc.q, 3)
		if len(found) == 0 || found[0].ID != tc.id || found[0].Score < tc.least || found[0].Score > tc.most {
			t.Errorf("%s: %+v", tc.q, found)
		}
	}
	if found := m.Geocode("月球背面9号", 3); len(found) > 0 && found[0].Score > 0.5 {
		t.Errorf("nothing is alike, yet %+v", found[0])
	}
}

func TestNearestBuildingIsThatOfAFullScan(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	all := make([]building.Building, 5000)
	for i := range all {
		all[i] = building.Building{ID: uint64(i + 1), Point: orb.Point{110 + random.Float64()*0.05, 40 + random.Float64()*0.05}}
	}
	m := mapOf(all)
	for range 300 {
		p := orb.Point{110 + random.Float64()*0.05, 40 + random.Float64()*0.05}
		want, best := uint64(0), math.Inf(1)
		for i := range all {
			if d := geo.Distance(p, all[i].Point); d < best {
				want, best = all[i].ID, d
			}
		}
		near := m.NearestBuildings(p, 400, 1)
		if best > 400 {
			if len(near) > 0 {
				t.Fatal("found beyond reach")
			}
			continue
		}
		if len(near) != 1 || near[0].ID != want {
			t.Fatalf("%v: %+v, want %d at %.1f m", p, near, want, best)
		}
	}
}
