package wall_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"gridwall/dashboard/wall"
	"gridwall/migrations/dbtest"
)

var noon = time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)

// room is the room of a database with two accounts, 1 and 2, and cameras, one of them secret.
func room(t *testing.T) *wall.Room {
	t.Helper()
	pool := dbtest.Open(t)
	_, err := pool.Exec(t.Context(), `
		INSERT INTO account (username, name, role, password) VALUES ('zhang', '张某', 'operator', ''), ('li', '李某', 'dispatcher', '');
		INSERT INTO camera (id, name, geom, secret) VALUES ('C1', '街口', ST_SetSRID(ST_MakePoint(110, 40), 4326), false), ('C2', '保密点', ST_SetSRID(ST_MakePoint(110, 40), 4326), true)`)
	if err != nil {
		t.Fatal(err)
	}
	return wall.New(pool)
}

func TestSixScenesAreShipped(t *testing.T) {
	scenes, err := room(t).Scenes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, s := range scenes {
		titles = append(titles, s.Title.ZH)
	}
	if got, want := strings.Join(titles, " "), "平时总览 视频巡看 事件专题 考核排名 应急指挥 雨季内涝"; got != want {
		t.Errorf("scenes are %s, want %s", got, want)
	}
}

func TestEveryShippedSceneCanBeSavedAgain(t *testing.T) {
	r := room(t)
	scenes, err := r.Scenes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenes {
		if saved, err := r.SaveScene(t.Context(), s, noon); err != nil || saved.Revision != s.Revision+1 {
			t.Errorf("%s: revision %+v, %v", s.ID, saved, err)
		}
	}
}

func TestAConflictingSaveIsRefusedWithTheSceneThatStands(t *testing.T) {
	r := room(t)
	made, err := r.Scene(t.Context(), "patrol")
	if err != nil {
		t.Fatal(err)
	}
	first, second := *made, *made
	first.Title.ZH, second.Title.ZH = "甲", "乙"
	if _, err := r.SaveScene(t.Context(), first, noon); err != nil {
		t.Fatal(err)
	}
	stands, err := r.SaveScene(t.Context(), second, noon)
	if !errors.Is(err, wall.ErrConflict) || stands == nil || stands.Title.ZH != "甲" {
		t.Errorf("the second save gave %+v, %v", stands, err)
	}
}

func TestAConflictingNewSceneIsRefused(t *testing.T) {
	r := room(t)
	s := wall.Scene{ID: "patrol", Title: wall.Text{ZH: "新", EN: "New"}, Layout: "1", Tiles: []wall.Tile{{ID: "a", At: [4]int{0, 0, 240, 120}, Content: wall.Content{Kind: "map"}}}}
	if _, err := r.SaveScene(t.Context(), s, noon); !errors.Is(err, wall.ErrConflict) {
		t.Errorf("a new scene under a taken id gave %v", err)
	}
}

func TestASceneThatCannotBeShownIsRefused(t *testing.T) {
	r := room(t)
	whole := [4]int{0, 0, 240, 120}
	for _, tc := range []struct {
		name, code string
		change     func(*wall.Scene)
	}{
		{"a tile outside the raster", "tile_outside", func(s *wall.Scene) { s.Tiles[0].At = [4]int{1, 0, 240, 120} }},
		{"a tile twice", "tile_id_invalid", func(s *wall.Scene) { s.Tiles = append(s.Tiles, s.Tiles[0]) }},
		{"an unknown content", "content_unknown", func(s *wall.Scene) { s.Tiles[0].Content.Kind = "page" }},
		{"no tiles", "scene_tiles_invalid", func(s *wall.Scene) { s.Tiles = nil }},
		{"one language", "scene_title_missing", func(s *wall.Scene) { s.Title.EN = "" }},
		{"an unknown layout", "scene_layout_unknown", func(s *wall.Scene) { s.Layout = "7" }},
		{"a dwell of a second", "dwell_invalid", func(s *wall.Scene) { s.Tiles[0].Content.DwellS = 1 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := wall.Scene{ID: "own", Title: wall.Text{ZH: "自定", EN: "Own"}, Layout: "free", Tiles: []wall.Tile{{ID: "a", At: whole, Content: wall.Content{Kind: "map"}}}}
			tc.change(&s)
			var invalid *wall.InvalidError
			if _, err := r.SaveScene(t.Context(), s, noon); !errors.As(err, &invalid) || invalid.Code != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestAWallIsDrivenByOneAndCanBeTakenOver(t *testing.T) {
	r := room(t)
	camera := &wall.Content{Kind: "camera", Camera: "C1"}
	if _, err := r.Drive(t.Context(), "main", 1, wall.Order{Screen: "1", Tile: "map", Content: camera}, noon); err != nil {
		t.Fatal(err)
	}
	var held *wall.HeldError
	_, err := r.Drive(t.Context(), "main", 2, wall.Order{Scene: "rain"}, noon.Add(time.Minute))
	if !errors.As(err, &held) || held.Holder.Name != "张某" {
		t.Fatalf("the second driver got %v", err)
	}
	show, err := r.Drive(t.Context(), "main", 2, wall.Order{Scene: "rain", TakeOver: true}, noon.Add(time.Minute))
	if err != nil || show.Screens["1"].Scene != "rain" || show.Revision != 2 {
		t.Fatalf("taken over: %+v, %v", show, err)
	}
	if _, holder, err := r.Showing(t.Context(), "main", noon.Add(time.Minute)); err != nil || holder == nil || holder.Name != "李某" {
		t.Errorf("driven by %+v, %v", holder, err)
	}
	if _, holder, err := r.Showing(t.Context(), "main", noon.Add(time.Hour)); err != nil || holder != nil {
		t.Errorf("an hour later it is still held by %+v, %v", holder, err)
	}
}

func TestATileGoesBackToItsScene(t *testing.T) {
	r := room(t)
	if _, err := r.Drive(t.Context(), "main", 1, wall.Order{Screen: "1", Tile: "video", Content: &wall.Content{Kind: "camera", Camera: "C1"}}, noon); err != nil {
		t.Fatal(err)
	}
	show, err := r.Drive(t.Context(), "main", 1, wall.Order{Screen: "1", Tile: "video"}, noon)
	if err != nil || len(show.Screens["1"].Tiles) != 0 {
		t.Errorf("%+v, %v", show, err)
	}
}

func TestAnOrderThatCannotBeShownIsRefused(t *testing.T) {
	r := room(t)
	for _, tc := range []struct {
		name, code string
		order      wall.Order
	}{
		{"a secret camera", "camera_not_for_walls", wall.Order{Screen: "1", Tile: "map", Content: &wall.Content{Kind: "camera", Camera: "C2"}}},
		{"an unknown camera", "camera_not_for_walls", wall.Order{Screen: "1", Tile: "map", Content: &wall.Content{Kind: "camera", Camera: "C9"}}},
		{"an unknown screen", "screen_unknown", wall.Order{Screen: "9", Scene: "rain"}},
		{"an unknown tile", "tile_unknown", wall.Order{Screen: "1", Tile: "nowhere", Content: &wall.Content{Kind: "map"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var invalid *wall.InvalidError
			if _, err := r.Drive(t.Context(), "main", 1, tc.order, noon); !errors.As(err, &invalid) || invalid.Code != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestTwoWhoTakeAFreeWallTogetherGetOneDriver(t *testing.T) {
	r := room(t)
	var both sync.WaitGroup
	errs := make([]error, 2)
	for n := range errs {
		both.Go(func() { _, errs[n] = r.Drive(t.Context(), "main", n+1, wall.Order{Take: true}, noon) })
	}
	both.Wait()
	var held *wall.HeldError
	if (errs[0] == nil) == (errs[1] == nil) || !errors.As(errors.Join(errs...), &held) {
		t.Errorf("got %v", errs)
	}
}

func TestAWallHasScreensOfItsOwn(t *testing.T) {
	r := room(t)
	w, err := r.Get(t.Context(), "main")
	if err != nil || len(w.Screens) != 1 {
		t.Fatalf("%+v, %v", w, err)
	}
	w.DwellS = 20
	w.Screens = []wall.Screen{{ID: "left", Name: "左屏", WidthPX: 3840, HeightPX: 2160, PitchMM: 1.2, BezelMM: 1, SeatM: 8}, {ID: "right", Name: "右屏", WidthPX: 6656, HeightPX: 1792, PitchMM: 1.5, SeatM: 9}}
	if _, err := r.Save(t.Context(), *w, noon); err != nil {
		t.Fatal(err)
	}
	show, err := r.Drive(t.Context(), "main", 1, wall.Order{Scene: "rain"}, noon)
	if err != nil || show.Screens["left"].Scene != "rain" || show.Screens["right"].Scene != "rain" {
		t.Errorf("%+v, %v", show, err)
	}
	w.Revision++
	w.Screens[1].ID = "left"
	var invalid *wall.InvalidError
	if _, err := r.Save(t.Context(), *w, noon); !errors.As(err, &invalid) {
		t.Errorf("two screens of one id gave %v", err)
	}
}
