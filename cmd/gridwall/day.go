package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"gridwall/dashboard/access"
	"gridwall/geo/geotest"
)

// matter is something that happens in a town.
type matter struct {
	class      string
	title      string // with %s for the place
	priority   string // empty: that of the class
	department string // a word of its name
	where      []string
	weight     int
}

// matters that a day is made of.
var matters = []matter{
	{"06010", "%s暴露垃圾", "", "环卫", nil, 9},
	{"06012", "%s路面不洁", "", "环卫", []string{"street"}, 6},
	{"06042", "%s垃圾箱满溢", "", "环卫", []string{"compound", "market", "street"}, 7},
	{"09006", "%s占道经营", "", "城管", []string{"street", "market"}, 8},
	{"09001", "%s游商叫卖", "", "城管", []string{"market", "street", "school"}, 6},
	{"09009", "%s机动车乱停放", "", "公安", []string{"street", "compound", "school"}, 7},
	{"09012", "%s消防通道被占用", "", "消防", []string{"compound", "market"}, 4},
	{"06036", "%s乱堆杂物", "", "城管", []string{"compound", "street"}, 5},
	{"01037", "%s路灯不亮", "", "住建", []string{"street", "park"}, 4},
	{"01002", "%s污水井盖破损", "", "住建", []string{"street", "compound"}, 3},
	{"10999", "%s邻里纠纷", "", "司法", []string{"compound"}, 5},
	{"10995", "%s电动车飞线充电", "", "应急", []string{"compound"}, 4},
	{"10996", "%s楼道堆物", "", "应急", []string{"compound"}, 4},
	{"10989", "%s供暖不热", "", "住建", []string{"compound"}, 5},
	{"10991", "%s停水", "", "水", []string{"compound"}, 2},
	{"04002", "%s行道树倒伏", "urgent", "林草", []string{"street", "park"}, 2},
	{"10979", "%s居民咨询医保政策", "advice", "人社", []string{"compound"}, 4},
	{"10984", "%s独居老人求助", "urgent", "民政", []string{"compound"}, 2},
	{"10994", "%s疑似燃气泄漏", "critical", "应急", []string{"compound", "market"}, 2},
	{"10988", "%s电梯困人", "critical", "市场监管", []string{"compound"}, 2},
	{"10983", "%s老人走失", "critical", "公安", []string{"park", "market", "compound"}, 1},
}

// day posts cases and drives them by ordinary accounts.
type day struct {
	world   *world
	town    *geotest.Town
	random  *rand.Rand
	clients map[string]*client // by username
	admin   *client
	photo   string // a data URL
	codes   map[string]string
}

func newDay(ctx context.Context, w *world, town *geotest.Town) (*day, error) {
	d := &day{world: w, town: town, random: rand.New(rand.NewPCG(townSeed, 7)), clients: map[string]*client{}, admin: withToken(w.URL, w.Token), codes: map[string]string{}}
	for _, a := range append(slices.Clone(demoAccounts), handlers(town)...) {
		c, err := signIn(ctx, w.URL, a.Username, a.Password)
		if err != nil {
			return nil, err
		}
		d.clients[a.Username] = c
		if a.Role == access.Department {
			d.codes[departmentFor(town, a.department).Code] = a.Username
		}
	}
	var err error
	d.photo, err = plainPhoto()
	return d, err
}

// plainPhoto is a small picture that stands for an officer's photo.
func plainPhoto() (string, error) {
	img := image.NewRGBA(image.Rect(0, 0, 320, 240))
	for y := range 240 {
		for x := range 320 {
			v := uint8(70 + y/3)
			if y > 150 && (x+y)%80 < 6 {
				v += 60
			}
			img.Set(x, y, color.RGBA{v, v, v - 10, 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		return "", err
	}
	return "data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(out.Bytes()), nil
}

// act is one thing that somebody does at a time.
type act struct {
	at time.Time
	do func(ctx context.Context) error
}

// file is a case in the making.
type file struct {
	matter matter
	dept   string
	id     int64
}

// cases a day has, by the hour of the site's clock.
var perHour = [24]int{1, 0, 0, 0, 1, 2, 4, 6, 8, 7, 6, 5, 4, 4, 6, 7, 6, 5, 5, 4, 3, 3, 2, 1}

// play posts the last two days up to now: the server's clock is set back and driven forward, then let go.
func (d *day) play(ctx context.Context) error {
	now := time.Now().Truncate(time.Second)
	zone := time.FixedZone("site", 8*3600)
	var acts []act
	for hour := now.Add(-48 * time.Hour).Truncate(time.Hour); hour.Before(now); hour = hour.Add(time.Hour) {
		for range perHour[hour.In(zone).Hour()] {
			at := hour.Add(time.Duration(d.random.Int64N(int64(time.Hour))))
			if at.Before(now.Add(-3 * time.Minute)) {
				acts = append(acts, d.course(at, now, d.pick())...)
			}
		}
	}
	// What just came in, and nobody has looked at: one of each pressing kind.
	for i, m := range []int{18, 19, 3, 16} {
		acts = append(acts, d.course(now.Add(-time.Duration(150-30*i)*time.Second), now.Add(-time.Hour), matters[m])...)
	}
	slices.SortStableFunc(acts, func(a, b act) int { return a.at.Compare(b.at) })

	err := func() error {
		for i, a := range acts {
			if terminal && i%10 == 0 {
				drawBar("demo: a day of cases", i, len(acts))
			}
			if err := d.admin.do(ctx, "PUT", "/api/v1/clock", map[string]time.Time{"now": a.at}, nil); err != nil {
				return err
			}
			if err := a.do(ctx); err != nil {
				return err
			}
		}
		clearProgress()
		return nil
	}()
	return errors.Join(err, d.admin.do(ctx, "DELETE", "/api/v1/clock", nil, nil))
}

// pick chooses a matter by weight.
func (d *day) pick() matter {
	total := 0
	for _, m := range matters {
		total += m.weight
	}
	n := d.random.IntN(total)
	for _, m := range matters {
		if n -= m.weight; n < 0 {
			return m
		}
	}
	return matters[0]
}

// where chooses a place of the kinds that the matter happens at.
func (d *day) where(m matter) geotest.Place {
	for range 200 {
		p := d.town.Places[d.random.IntN(len(d.town.Places))]
		if m.where == nil || slices.Contains(m.where, p.Kind) {
			return p
		}
	}
	return d.town.Places[d.random.IntN(len(d.town.Places))]
}

// course is the whole way of one case: everything that happens to it until then.
func (d *day) course(at, until time.Time, m matter) []act {
	f := &file{matter: m}
	place := d.where(m)
	if dept := departmentFor(d.town, m.department); dept != nil {
		f.dept = dept.Code
	} else {
		f.dept = d.town.Departments[0].Code
	}
	handler := cmp.Or(d.codes[f.dept], "department")
	hurry := 1.0
	switch m.priority {
	case "critical":
		hurry = 0.12
	case "urgent":
		hurry = 0.5
	}
	wait := func(least, most float64) time.Duration { // minutes
		return time.Duration((least + d.random.Float64()*(most-least)) * hurry * float64(time.Minute))
	}
	acts := []act{{at, func(ctx context.Context) error {
		body := map[string]any{"flow": "incident", "class": m.class, "title": fmt.Sprintf(m.title, place.Name), "address": place.Address,
			"location": map[string]float64{"lon": place.Point[0], "lat": place.Point[1]}, "photos": []map[string]string{{"kind": "near", "data": d.photo}}}
		if m.priority != "" {
			body["priority"] = m.priority
		}
		var made struct{ ID int64 }
		err := d.clients["officer"].do(ctx, "POST", "/api/v1/cases", body, &made)
		f.id = made.ID
		return err
	}}}
	move := func(after time.Duration, who, name string, more map[string]any) {
		at = at.Add(after)
		if len(acts) == 0 || !at.Before(until) {
			return
		}
		acts = append(acts, act{at, func(ctx context.Context) error {
			body := map[string]any{"move": name}
			for k, v := range more {
				body[k] = v
			}
			return d.clients[who].do(ctx, "POST", fmt.Sprintf("/api/v1/cases/%d/moves", f.id), body, nil)
		}})
	}
	move(wait(2, 18), "specialist", "verify", nil)
	if d.random.IntN(14) == 0 && m.priority == "" {
		move(wait(1, 6), "operator", "reject", map[string]any{"note": "不属于受理范围，已告知上报人"})
		return acts
	}
	move(wait(1, 6), "operator", "file", nil)
	move(wait(1, 12), "dispatcher", "dispatch", map[string]any{"department": f.dept})
	if d.random.IntN(12) == 0 {
		move(wait(10, 40), handler, "return", map[string]any{"note": "不在本部门管理范围"})
		move(wait(5, 20), "dispatcher", "dispatch", map[string]any{"department": f.dept})
	}
	if d.random.IntN(6) == 0 && m.priority == "" { // somebody forgets: the lights are there for it
		move(wait(400, 2400), handler, "sign", nil)
	} else {
		move(wait(5, 90), handler, "sign", nil)
	}
	after := map[string]any{"photos": []map[string]string{{"kind": "after", "data": d.photo}}, "note": "已处置完毕"}
	move(wait(30, 600), handler, "handle", after)
	if d.random.IntN(10) == 0 {
		move(wait(10, 60), "specialist", "rework", map[string]any{"note": "现场仍有遗留，请继续处置"})
		move(wait(30, 200), handler, "handle", after)
	}
	move(wait(10, 120), "specialist", "check", nil)
	move(wait(2, 20), "operator", "close", nil)
	move(wait(5, 200), "operator", "rate", map[string]any{"rating": 1 + d.random.IntN(3)})
	return acts
}

// pace is how often something new happens once the day has been played, on average.
const pace = 40 * time.Second

// goOn lets the town live: now and then something is reported, and what is under way goes on.
func (d *day) goOn(ctx context.Context) error {
	var acts []act
	next := time.Now().Add(pace)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if now.After(next) {
				acts = append(acts, d.course(now, now.Add(48*time.Hour), d.pick())...)
				next = now.Add(time.Duration((0.5 + d.random.Float64()) * float64(pace)))
			}
			acts = slices.DeleteFunc(acts, func(a act) bool {
				if a.at.After(now) {
					return false
				}
				// People at the desks move the same cases: then this act is refused, and that is all.
				if err := a.do(ctx); err != nil && ctx.Err() == nil && !isAnswer(err) {
					fmt.Fprintln(os.Stderr, "demo:", err)
				}
				return true
			})
		}
	}
}

func isAnswer(err error) bool {
	var answer *answerError
	return errors.As(err, &answer)
}
