package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"gridwall/assets"
	"gridwall/dashboard/access"
	"gridwall/geo/crs"
	"gridwall/geo/geotest"
	"gridwall/geo/importer"
	"gridwall/streams/streamtest"
)

// demo is a client, not a mode: the ordinary server, filled by the ordinary importer, with cameras on the loopback, and a
// day of cases posted by ordinary accounts.
func demo(ctx context.Context, args []string) error {
	var s settings
	flags := s.flags("demo", "demo [flags]")
	still := flags.Bool("still", env("GRIDWALL_DEMO_STILL", "") != "", "after the day nothing more happens (for tests)")
	if _, err := parse(flags, args); err != nil {
		return err
	}
	log := newLog()
	s.cameraNets = cmp.Or(s.cameraNets, "0.0.0.0/0,::/0") // the demo's cameras are on the loopback
	server, err := start(ctx, s, true, log)
	if err != nil {
		return err
	}
	life, end := context.WithCancel(ctx)
	defer end()
	work := make(chan error, 2)
	running := 0
	spawn := func(run func(context.Context) error) {
		running++
		go func() { work <- run(life) }()
	}
	err = func() error {
		town := geotest.New(townSeed)
		step := func(what string) { fmt.Fprintln(os.Stderr, "demo: "+what) }
		w, err := readWorld(worldFile(s.dataDir))
		if err != nil {
			return err
		}
		fresh := false
		if w == nil {
			if w, fresh, err = settle(life, server, town, step); err != nil {
				return err
			}
		}
		w.URL, w.Wall.URL = server.url, server.url+"/wall/main" // the tokens of an earlier start hold on, and walls stay signed in
		room, domes, err := hang(life, server, town, step)
		if err != nil {
			return err
		}
		spawn(room.Run)
		if err := mount(life, w, room, domes, spawn); err != nil {
			return err
		}
		day, err := newDay(life, w, town)
		if err != nil {
			return err
		}
		if fresh {
			if err := day.play(life); err != nil {
				return err
			}
			if err := dress(life, w, town); err != nil {
				return err
			}
		}
		if err := w.write(worldFile(s.dataDir)); err != nil {
			return err
		}
		w.tell(worldFile(s.dataDir))
		if !*still {
			spawn(day.goOn)
		}
		return nil
	}()
	if err != nil && ctx.Err() == nil {
		end()
		for range running {
			<-work
		}
		return errors.Join(err, server.halt())
	}
	err = server.wait()
	end()
	for range running {
		err = errors.Join(err, <-work)
	}
	return err
}

// hang puts the town's cameras up: a server of RTSP on the loopback, and the registry by the ordinary importer. domes are
// the ids of those that turn.
func hang(ctx context.Context, s *server, town *geotest.Town, step func(string)) (room *streamtest.Server, domes []string, err error) {
	step("the cameras")
	rows, err := csv.NewReader(bytes.NewReader(town.Cameras)).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	cameras := make([]streamtest.Camera, 0, len(rows)-1)
	for _, row := range rows[1:] {
		turns := row[column["ptz"]] == "true"
		cameras = append(cameras, streamtest.Camera{ID: row[column["id"]], Name: row[column["name"]], PTZ: turns})
		if turns {
			domes = append(domes, row[column["id"]])
		}
	}
	room, err = streamtest.New(streamtest.Config{Cameras: cameras, Clips: assets.Demo(), User: "gridwall", Password: "demo"})
	if err != nil {
		return nil, nil, err
	}
	for i, fault := range faults {
		if err := room.SetFault(cameras[i].ID, fault); err != nil {
			return nil, nil, err
		}
	}
	for _, row := range rows[1:] {
		row[column["url"]] = room.URL(row[column["id"]])
	}
	list, err := csvOf(rows)
	if err != nil {
		return nil, nil, err
	}
	in := source{kind: "cameras", name: "cameras.csv", Reader: bytes.NewReader(list)}
	if _, err := importInto(ctx, s.pool, in, importOptions{reader: importer.Options{Datum: crs.WGS84}}); err != nil {
		return nil, nil, fmt.Errorf("import the cameras: %w", err)
	}
	return room, domes, nil
}

// mount lets the domes turn: their ONVIF side on the loopback, and how each is mounted, told by the ordinary API. One in five
// has windows that it may not look into. They answer to probes, so that 127.0.0.1 can be looked for on the page of cameras.
func mount(ctx context.Context, w *world, room *streamtest.Server, domes []string, spawn func(func(context.Context) error)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	devices := room.ONVIF()
	web := &http.Server{Handler: devices, ReadHeaderTimeout: 10 * time.Second}
	if probes, err := net.ListenPacket("udp4", "127.0.0.1:3702"); err == nil { // another world has it
		spawn(func(ctx context.Context) error {
			defer context.AfterFunc(ctx, func() { probes.Close() })()
			devices.Announce(probes, listener.Addr().String())
			return nil
		})
	}
	spawn(func(ctx context.Context) error {
		defer context.AfterFunc(ctx, func() { web.Close() })()
		if err := web.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	admin := withToken(w.URL, w.Token)
	bearings, err := hung(ctx, admin, domes)
	if err != nil {
		return err
	}
	for i, id := range domes {
		m := map[string]any{"address": "http://" + listener.Addr().String() + "/onvif/" + id + "/device_service", "pan_deg": streamtest.PanLimitDeg,
			"tilt_low_deg": streamtest.TiltLowDeg, "tilt_high_deg": streamtest.TiltHighDeg, "speed_deg": streamtest.PanSpeedDeg, "no_look": []any{}}
		if bearing := bearings[id]; i%5 == 0 && bearing != nil {
			m["no_look"] = []any{map[string]any{"name": "居民楼窗户", "from_deg": math.Mod(*bearing+60, 360), "to_deg": math.Mod(*bearing+95, 360), "low_deg": -15, "high_deg": 20}}
		}
		if err := admin.do(ctx, "PUT", "/api/v1/cameras/"+id+"/ptz/mount", m, nil); err != nil {
			return err
		}
	}
	return nil
}

// hung waits until the server has heard of the import, and returns which way each camera looks.
func hung(ctx context.Context, admin *client, domes []string) (map[string]*float64, error) {
	for {
		var list struct {
			Cameras []struct {
				ID      string
				Bearing *float64
			}
		}
		if err := admin.do(ctx, "GET", "/api/v1/cameras", nil, &list); err != nil {
			return nil, err
		}
		bearings := map[string]*float64{}
		for _, c := range list.Cameras {
			bearings[c.ID] = c.Bearing
		}
		if !slices.ContainsFunc(domes, func(id string) bool { _, ok := bearings[id]; return !ok }) {
			return bearings, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// faults of some cameras by their place in the list: a town without one dark camera is not a town.
var faults = map[int]streamtest.Fault{4: streamtest.Dark, 57: streamtest.Dark, 58: streamtest.Dark, 141: streamtest.Refuse, 203: streamtest.NoKeyframe}

// dress gives the wall its title and cameras.
func dress(ctx context.Context, w *world, town *geotest.Town) error {
	admin := withToken(w.URL, w.Token)
	var wall map[string]any
	if err := admin.do(ctx, "GET", "/api/v1/walls/main", nil, &wall); err != nil {
		return err
	}
	var list struct {
		Cameras []struct{ ID string }
	}
	if err := admin.do(ctx, "GET", "/api/v1/cameras", nil, &list); err != nil {
		return err
	}
	// Every 13th camera, so that the strip goes through the town; one of the dark ones stands on the first page.
	var strip []string
	for i := 0; i < len(list.Cameras) && len(strip) < 24; i += 13 {
		strip = append(strip, list.Cameras[i].ID)
	}
	if len(strip) > 4 {
		strip[4] = list.Cameras[4].ID
	}
	wall["strip"] = strip
	wall["title"] = map[string]string{"zh": "网格联动指挥调度中心", "en": "Grid Dispatch Centre"}
	wall["subtitle"] = map[string]string{"zh": fmt.Sprintf("4 个社区 · 28 个网格 · %d 路视频", len(list.Cameras)), "en": fmt.Sprintf("4 communities · 28 grids · %d cameras", len(list.Cameras))}
	return admin.do(ctx, "PUT", "/api/v1/walls/main", wall, nil)
}

// tell prints where to go and who one can be.
func (w *world) tell(file string) {
	fmt.Printf("\nGridwall is served at  %s\n", w.URL)
	fmt.Printf("the wall (one click)   %s?token=%s\n\naccounts, all with the password %s:\n", w.Wall.URL, w.Wall.Token, demoPassword)
	for _, a := range w.Accounts {
		fmt.Printf("  %-12s %s\n", a.Username, roleTitles[a.Role])
	}
	fmt.Printf("\nfor scripts: %s    stop: Ctrl-C\n", file)
}

var roleTitles = map[access.Role]string{
	access.Admin: "管理员 administrator", access.Operator: "值守员 operator: verifies, files, closes", access.Dispatcher: "派遣员 dispatcher: dispatches",
	access.DutyLeader: "值班长 duty leader", access.Leader: "领导 visiting leader", access.Integrator: "摄像机集成员 camera integrator",
	access.Officer: "网格员 grid officer: reports", access.Specialist: "网格专员 grid specialist: verifies and checks",
	access.Department: "环卫局 department: signs and handles", access.Resident: "居民 resident: reports and rates",
}
