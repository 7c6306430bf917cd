package main

import "math"

// scene is a place: still is painted once, moving for each picture. Nothing may move in the top 48 rows:
// there is the text.
type scene struct {
	name   string
	lens   lens
	still  func(w *world, r *random)
	before func(w *world, t float64) // between still and movers
	lanes  []lane
	extra  func(t float64) []mover
	after  func(w *world, t float64) // over the movers
}

var (
	paint = []rgb{hex(0xe8eaec), hex(0x20252c), hex(0x8c2f2b), hex(0x9aa3ab), hex(0x2b4a73), hex(0xc9ccd0), hex(0x5c6670), hex(0xb08a3c)}
	cloth = []rgb{hex(0xb5483f), hex(0x3d5f8a), hex(0xd0d2cf), hex(0x4b6b4a), hex(0x8a6a9a), hex(0xc99a45), hex(0x35393f), hex(0x6fa3a8)}
)

func sky(w *world, horizon float64) {
	if w.night {
		w.gradient(0, horizon, hex(0x0a0f1c), hex(0x232a3d))
		w.gradient(horizon, height, hex(0x1a1f2c), hex(0x12151d))
		return
	}
	w.gradient(0, horizon, hex(0x7d9fc4), hex(0xc3cfd8))
	w.gradient(horizon, height, hex(0x9aa3a6), hex(0x7b8285))
}

// horizon is the row where the ground ends.
func (l lens) horizon() float64 { return height/2 - l.focal*math.Tan(l.down) }

func asphalt(w *world) rgb {
	if w.night {
		return hex(0x6a6d75)
	}
	return hex(0x6d7073)
}

func (w *world) dashes(x, from, to float64) {
	for z := from; z < to; z += 8 {
		w.ground(hex(0xd7d9d6), x-.09, x+.09, z, z+3.5)
	}
}

func zebra(w *world, x0, x1, z0, z1 float64, across bool) {
	if across {
		for x := x0; x+.5 <= x1; x += 1.05 {
			w.ground(hex(0xd9dbd8), x, x+.5, z0, z1)
		}
		return
	}
	for z := z0; z+.5 <= z1; z += 1.05 {
		w.ground(hex(0xd9dbd8), x0, x1, z, z+.5)
	}
}

func facade(r *random) rgb {
	return r.of(0xb9aa98, 0xa89a8c, 0xc4bcae, 0x9b8f86, 0xb0a7a2, 0xa8b0b4, 0xbfae94)
}

var scenes = []scene{
	{
		name: "street",
		lens: lens{eye: v3{1.5, 7.5, 0}, down: .16, focal: 470},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0x8f8e8a), -60, 60, 1, 300)
			var rows []block
			for z := 4.; z < 260; z += 26 {
				rows = append(rows,
					block{-44, -14, z, z + 22 + r.in(0, 4), r.in(13, 30), facade(r), true, r.in(2.6, 3.4)},
					block{14, 44, z + 3, z + 24 + r.in(0, 5), r.in(13, 32), facade(r), true, r.in(2.6, 3.4)})
			}
			rows = append(rows, block{-30, 25, 300, 320, 46, hex(0xa9b0b5), false, 4})
			w.sides(rows, r)
			w.ground(asphalt(w), -8.2, 8.2, 1, 290)
			w.ground(hex(0xa39f97), -14, -8.2, 1, 290)
			w.ground(hex(0xa39f97), 8.2, 14, 1, 290)
			w.ground(hex(0xc8c6bf), -8.35, -8.1, 1, 290)
			w.ground(hex(0xc8c6bf), 8.1, 8.35, 1, 290)
			w.ground(hex(0xd2b052), -.16, -.05, 1, 290)
			w.ground(hex(0xd2b052), .05, .16, 1, 290)
			w.dashes(-4.1, 2, 200)
			w.dashes(4.1, 2, 200)
			zebra(w, -8, 8, 27, 31, true)
			for z := 240.; z > 8; z -= 20 {
				w.lamp(v3{-9, 0, z}, 1)
				w.lamp(v3{9, 0, z + 10}, -1)
				w.tree(v3{-10.6, 0, z - 8}, r.in(5, 7), r)
				w.tree(v3{10.6, 0, z - 2}, r.in(5, 7), r)
			}
		},
		lanes: []lane{
			{kind: []int{car, car, bus, car}, colors: paint, from: v3{2, 0, 6}, along: v3{0, 0, 1}, length: 210, spacing: 26, heading: away},
			{kind: []int{car, van, car}, colors: paint[2:], from: v3{6, 0, 6}, along: v3{0, 0, 1}, length: 210, spacing: 30, heading: away},
			{kind: []int{car, car, van, car}, colors: paint[1:], from: v3{-2, 0, 210}, along: v3{0, 0, -1}, length: 204, spacing: 27, heading: towards},
			{kind: []int{rider, rider, rider}, colors: cloth, from: v3{-7.2, 0, 150}, along: v3{0, 0, -1}, length: 144, spacing: 14, heading: towards, wobble: .8},
			{kind: []int{walker, walker, walker, walker}, colors: cloth, from: v3{12, 0, 10}, along: v3{0, 0, 1}, length: 70, spacing: 3.4, heading: away, wobble: 2.4},
			{kind: []int{walker, walker, walker}, colors: cloth[3:], from: v3{-12, 0, 80}, along: v3{0, 0, -1}, length: 70, spacing: 4.6, heading: towards, wobble: 2.4},
		},
	},
	{
		name: "crossroads",
		lens: lens{eye: v3{-13, 12, 6}, down: .30, left: .27, focal: 430},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0x93928c), -140, 140, 1, 260)
			var rows []block
			for _, s := range []float64{-1, 1} {
				for x := 13.; x < 120; x += 27 {
					rows = append(rows, block{min(s*x, s*(x+24)), max(s*x, s*(x+24)), 54, 74, r.in(12, 26), facade(r), true, 3})
				}
				for z := 82.; z < 220; z += 26 {
					rows = append(rows, block{min(s*13, s*34), max(s*13, s*34), z, z + 22, r.in(14, 34), facade(r), true, 3})
				}
			}
			w.sides(rows, r)
			for _, x := range []float64{-130, 9} { // the near corners
				w.ground(hex(0xb3aea3), x, x+121, -10, 28)
				w.ground(hex(0xcdcac2), x, x+121, 27.7, 28)
				for z := -9.; z < 27; z += 3 {
					w.ground(hex(0xa39e94), x, x+121, z, z+.1)
				}
			}
			w.ground(asphalt(w), -9, 9, -10, 240)
			w.ground(asphalt(w), -130, 130, 28, 46)
			w.ground(hex(0xd2b052), -.12, .12, -10, 22)
			w.ground(hex(0xd2b052), -.12, .12, 51, 200)
			w.ground(hex(0xd2b052), -130, -14, 36.9, 37.1)
			w.ground(hex(0xd2b052), 14, 130, 36.9, 37.1)
			w.dashes(-4.5, 52, 180)
			w.dashes(4.5, 52, 180)
			for _, s := range []float64{-1, 1} {
				for x := 15.; x < 120; x += 8 {
					w.ground(hex(0xd7d9d6), min(s*x, s*(x+3.5)), max(s*x, s*(x+3.5)), 32.4, 32.6)
					w.ground(hex(0xd7d9d6), min(s*x, s*(x+3.5)), max(s*x, s*(x+3.5)), 41.4, 41.6)
				}
			}
			zebra(w, -9, 9, 23.5, 26.5, true)
			zebra(w, -9, 9, 47.5, 50.5, true)
			zebra(w, -12.5, -9.5, 28, 46, false)
			zebra(w, 9.5, 12.5, 28, 46, false)
			for _, x := range []float64{-34, -62, 34, 62} {
				w.tree(v3{x, 0, 51}, 6, r)
			}
			for _, p := range []v3{{-13, 0, 51}, {13, 0, 51}, {-40, 0, 50}, {40, 0, 50}, {-26, 0, 27}, {10.5, 0, 25}} {
				w.lamp(p, -math.Copysign(1, p.x))
			}
		},
		after: func(w *world, t float64) {
			for _, p := range []v3{{10.5, 0, 48}, {-10.5, 0, 48}, {10.5, 0, 26}} {
				top := p.add(v3{0, 5.2, 0})
				w.face(hex(0x50585f), .5, p.add(v3{-.09, 0, 0}), p.add(v3{.09, 0, 0}), top.add(v3{.09, 0, 0}), top.add(v3{-.09, 0, 0}))
				w.raw(hex(0x15181c), 1, top.add(v3{-.3, -1.1, -.1}), top.add(v3{.3, -1.1, -.1}), top.add(v3{.3, .3, -.1}), top.add(v3{-.3, .3, -.1}))
				lampAt, col := 0., hex(0xff4030)
				if t < .5 {
					lampAt, col = -.85, hex(0x30e070)
				}
				if c, k, ok := w.at(top.add(v3{0, lampAt, -.15})); ok {
					w.disc(col, 1, c.x, c.y, k*.18+.4, k*.18+.4)
					w.glow(col, .6, c.x, c.y, k*.7+2, k*.7+2)
				}
			}
		},
		extra: func(t float64) []mover {
			// In the first half of a loop the cross street drives, in the second the main street.
			var list []mover
			drive := func(kind int, col rgb, from, along v3, heading int, start, length, begin, end float64) {
				d := start
				if s := (t - begin) / (end - begin); s > 0 {
					s = min(s, 1)
					d += length * s * s * (3 - 2*s)
				}
				list = append(list, mover{kind: kind, col: col, at: from.add(along.mul(d)), heading: heading})
			}
			for i := range 7 {
				x := float64(i) * 18
				drive(paintKind(i), paint[i%len(paint)], v3{-150, 0, 39.3}, v3{1, 0, 0}, right, x, 126, .0, 1)
				drive(paintKind(i+2), paint[(i+3)%len(paint)], v3{150, 0, 34.7}, v3{-1, 0, 0}, left, x, 126, .0, 1)
			}
			return list
		},
		lanes: []lane{
			{kind: []int{walker, walker, walker}, colors: cloth, from: v3{-9, 0, 25}, along: v3{1, 0, 0}, length: 18, spacing: 4.2, heading: right, wobble: 1.8},
			{kind: []int{walker, walker, walker, walker}, colors: cloth[2:], from: v3{60, 0, 49}, along: v3{-1, 0, 0}, length: 120, spacing: 3.3, heading: left, wobble: 2},
			{kind: []int{rider, rider}, colors: cloth[1:], from: v3{-90, 0, 44.5}, along: v3{1, 0, 0}, length: 180, spacing: 22, heading: right, wobble: .8},
		},
	},
	{
		name: "river",
		lens: lens{eye: v3{-6, 7, 0}, down: .14, left: -.16, focal: 430},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0x8d8c84), -90, 0, 1, 330)
			var far []block
			for x := -10.; x < 260; x += 24 {
				far = append(far, block{x, x + r.in(14, 21), 300, 318, r.in(14, 52), facade(r), false, 4})
			}
			for z := 6.; z < 280; z += 25 {
				far = append(far, block{-70, -30, z, z + 20, r.in(12, 24), facade(r), true, 3})
			}
			w.sides(far, r)
			w.ground(hex(0x7c8f6c), -29, -12, 1, 300)
			water := hex(0x5f7f8f)
			if w.night {
				water = hex(0x4a5a74)
			}
			w.ground(water, 4, 240, 1, 298)
			w.ground(hex(0xa09c92), -12, 1, 1, 300)
			w.face(hex(0x8a867d), .3, v3{1, 0, 2}, v3{4, -.0, 2}, v3{4, 0, 300}, v3{1, 0, 300})
			for z := 260.; z > 8; z -= 24 {
				w.tree(v3{-14, 0, z}, r.in(5.5, 7.5), r)
				w.lamp(v3{-11.5, 0, z + 11}, 1)
			}
			// The bridge: deck, arches, railing.
			deck := hex(0xb6b2a8)
			w.face(deck, .5, v3{1, 7, 150}, v3{235, 7, 150}, v3{235, 8.6, 150}, v3{1, 8.6, 150})
			w.face(deck, .5, v3{-30, 3, 150}, v3{1, 7, 150}, v3{1, 8.6, 150}, v3{-30, 4.4, 150})
			for x := 20.; x < 235; x += 32 {
				w.face(deck, .35, v3{x, -1, 150}, v3{x + 3.4, -1, 150}, v3{x + 3.4, 7, 150}, v3{x, 7, 150})
				for i := range 8 { // spandrels
					a := float64(i) / 8
					w.face(deck, .42, v3{x + 3.4 + a*9, 7, 150}, v3{x + 3.4 + a*9 + 1.2, 7, 150},
						v3{x + 3.4 + a*9 + 1.2, 7 - 4*(1-a)*(1-a), 150}, v3{x + 3.4 + a*9, 7 - 4*(1-a)*(1-a), 150})
				}
				if w.night {
					if c, k, ok := w.at(v3{x + 10, 13, 150}); ok {
						w.glow(hex(0xffc27a), .8, c.x, c.y, k*3+2, k*3+2)
						w.glow(hex(0xffb060), .12, c.x, c.y+k*14, k*4, k*16)
					}
				}
			}
		},
		before: func(w *world, t float64) {
			r := newRandom(77)
			for range 130 { // glints that drift and come round
				z := 6 + 250*r.float()*r.float()
				x := 6 + r.float()*z*.9
				length := r.in(1, 3.5)
				phase := r.float()
				k := .5 + .5*math.Sin(2*math.Pi*(t*float64(1+r.n(3))+phase))
				x += 1.6 * math.Sin(2*math.Pi*(t+phase))
				col := hex(0xd5e3ea)
				if w.night {
					col = hex(0xcaa06a)
				}
				d := .03 * (4 + z*.1)
				w.raw(col, .28*k, v3{x, 0, z}, v3{x + length, 0, z + d}, v3{x + length*.9, 0, z + 2.2*d}, v3{x, 0, z + d})
			}
		},
		lanes: []lane{
			{kind: []int{car, bus, car, car}, colors: paint, from: v3{10, 8.6, 152}, along: v3{1, 0, 0}, length: 220, spacing: 24, heading: right},
			{kind: []int{car, car, van}, colors: paint[2:], from: v3{230, 8.6, 155}, along: v3{-1, 0, 0}, length: 225, spacing: 31, heading: left},
			{kind: []int{walker, walker, walker, walker}, colors: cloth, from: v3{-3, 0, 17}, along: v3{0, 0, 1}, length: 92, spacing: 3.3, heading: away, wobble: 4},
			{kind: []int{walker, walker, walker}, colors: cloth[4:], from: v3{-7, 0, 110}, along: v3{0, 0, -1}, length: 94, spacing: 4.4, heading: towards, wobble: 4},
			{kind: []int{rider, rider}, colors: cloth[1:], from: v3{-9.5, 0, 120}, along: v3{0, 0, -1}, length: 112, spacing: 17, heading: towards, wobble: 1},
		},
		after: func(w *world, _ float64) {
			for z := 3.; z < 130; z += 2.6 {
				w.face(hex(0xcfccc4), .5, v3{.9, 0, z}, v3{1.1, 0, z}, v3{1.1, 1.1, z}, v3{.9, 1.1, z})
			}
			for _, y := range []float64{.55, 1.05} {
				w.face(hex(0xdad7cf), .8, v3{1, y, 3}, v3{1, y + .1, 3}, v3{1, y + .1, 260}, v3{1, y, 260})
			}
		},
	},
	{
		name: "market",
		lens: lens{eye: v3{0, 8.5, 0}, down: .27, focal: 420},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0xaba59a), -80, 80, 1, 200)
			for z := 4.; z < 90; z += 4 { // paving
				w.ground(hex(0x97928a), -60, 60, z, z+.12)
			}
			var rows []block
			for x := -66.; x < 66; x += 22 {
				rows = append(rows, block{x, x + 21, 74, 92, r.in(9, 19), facade(r), true, 3})
			}
			for z := 10.; z < 74; z += 21 {
				rows = append(rows, block{-52, -30, z, z + 20, r.in(9, 15), facade(r), true, 3}, block{30, 52, z, z + 20, r.in(9, 15), facade(r), true, 3})
			}
			w.sides(rows, r)
			awnings := []uint32{0xb8453c, 0x3a6ea5, 0x3f8a5f, 0xd09a3a, 0x8a5a9a, 0xc8c4b8}
			for _, z := range []float64{58, 46, 35, 25} {
				for _, x0 := range []float64{-25, -19.5, -14, 9.5, 15, 20.5} {
					r.next()
					// counter, goods, poles, awning
					w.box(hex(0x8a6f52), x0, x0+4.4, 0, .9, z, z+2)
					for i := range 9 {
						w.box(r.of(0xd2402f, 0xe0a030, 0x5f9a3a, 0xe8d070, 0x8a4a8a, 0xd8703a), x0+.15+float64(i)*.46, x0+.5+float64(i)*.46, .9, 1.12, z+.1, z+.8)
					}
					for _, x := range []float64{x0 + .1, x0 + 4.3} {
						w.face(hex(0x8f969c), .6, v3{x - .05, 0, z}, v3{x + .05, 0, z}, v3{x + .05, 2.4, z}, v3{x - .05, 2.4, z})
					}
					col := r.of(awnings...)
					for i := range 8 {
						c := col
						if i%2 == 1 {
							c = hex(0xe6e2d8)
						}
						a := x0 - .2 + float64(i)*.6
						w.face(c, .95, v3{a, 2.3, z - .6}, v3{a + .6, 2.3, z - .6}, v3{a + .6, 3.1, z + 2.2}, v3{a, 3.1, z + 2.2})
						w.face(c, .5, v3{a, 2.05, z - .6}, v3{a + .6, 2.05, z - .6}, v3{a + .6, 2.3, z - .6}, v3{a, 2.3, z - .6})
					}
					if c, k, ok := w.at(v3{x0 + 2.2, 1.9, z}); ok && w.night {
						w.glow(hex(0xffe2a8), .85, c.x, c.y, k*.7, k*.5)
						w.glow(hex(0xffc880), .3, c.x, c.y+k*.6, k*3.4, k*1.9)
					}
				}
			}
			for _, p := range []v3{{0, 0, 22}, {-6, 0, 40}, {6, 0, 50}} {
				if c, k, ok := w.at(p); ok && w.night {
					w.glow(hex(0xffc88a), .26, c.x, c.y, k*12, k*5)
				}
			}
			w.lamp(v3{-8, 0, 66}, 1)
			w.lamp(v3{8, 0, 66}, -1)
			w.tree(v3{-27.5, 0, 64}, 7, r)
			w.tree(v3{27.5, 0, 64}, 7, r)
			w.tree(v3{-27.5, 0, 40}, 6, r)
			w.tree(v3{27.5, 0, 40}, 6, r)
		},
		lanes: []lane{
			{kind: []int{walker, walker, walker, walker, walker}, colors: cloth, from: v3{-5, 0, 20}, along: v3{0, 0, 1}, length: 48, spacing: 2.3, heading: away, wobble: 5},
			{kind: []int{walker, walker, walker, walker, walker, walker}, colors: cloth[2:], from: v3{4.5, 0, 66}, along: v3{0, 0, -1}, length: 48, spacing: 1.9, heading: towards, wobble: 6},
			{kind: []int{walker, walker, walker, walker}, colors: cloth[1:], from: v3{-27, 0, 21}, along: v3{1, 0, 0}, length: 54, spacing: 2.9, heading: right, wobble: 2},
			{kind: []int{walker, walker, walker, walker}, colors: cloth[3:], from: v3{27, 0, 32}, along: v3{-1, 0, 0}, length: 54, spacing: 2.8, heading: left, wobble: 1.6},
			{kind: []int{walker, walker, walker}, colors: cloth[2:], from: v3{-27, 0, 43}, along: v3{1, 0, 0}, length: 54, spacing: 4, heading: right, wobble: 1.6},
			{kind: []int{rider}, colors: cloth[5:], from: v3{0, 0, 70}, along: v3{0, 0, -1}, length: 64, spacing: 40, heading: towards},
		},
	},
	{
		name: "gate",
		lens: lens{eye: v3{-7, 5.6, 0}, down: .17, left: .16, focal: 400},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0x96948d), -90, 90, 1, 200)
			var rows []block
			for _, x := range []float64{-62, -38, -14, 10, 34, 58} {
				for _, z := range []float64{58, 96, 134} {
					rows = append(rows, block{x, x + 17, z, z + 12, 19 + math.Floor(r.float()*2)*3.2, r.of(0xc9b59a, 0xbfa88c, 0xcbbfae), false, 2.7})
				}
			}
			w.sides(rows, r)
			w.ground(hex(0x76905f), -80, -5, 42, 56)
			w.ground(hex(0x76905f), 5, 80, 42, 56)
			for _, x := range []float64{-34, -27, -20, -13, 13, 20, 27, 34} {
				w.tree(v3{x, 0, 48}, r.in(5, 6.5), r)
			}
			w.ground(asphalt(w), -90, 90, 8, 24)
			w.ground(hex(0xd2b052), -90, 90, 15.9, 16.1)
			w.ground(asphalt(w), -4.5, 4.5, 24, 150)
			w.ground(hex(0xa8a49b), -90, -4.5, 24, 30)
			w.ground(hex(0xa8a49b), 4.5, 90, 24, 30)
			// The wall and its railing, the gate with its roof and name board, the guard's booth.
			for _, s := range [][2]float64{{-80, -7.5}, {7.5, 80}} {
				w.box(hex(0xb8ada0), s[0], s[1], 0, .7, 33, 33.4)
				for x := s[0]; x < s[1]; x += .55 {
					w.face(hex(0x31393f), .5, v3{x, .7, 33.2}, v3{x + .09, .7, 33.2}, v3{x + .09, 2.1, 33.2}, v3{x, 2.1, 33.2})
				}
			}
			for _, x := range []float64{-7.5, 5.9} {
				w.box(hex(0xa7665a), x, x+1.6, 0, 6, 32.6, 34)
			}
			w.box(hex(0x8c4a40), -8.4, 8.4, 5.6, 6.9, 32, 34.6)
			w.face(hex(0x3d4a55), .8, v3{-9, 6.9, 31.6}, v3{9, 6.9, 31.6}, v3{8, 7.9, 33.3}, v3{-8, 7.9, 33.3})
			if w.night {
				w.raw(hex(0xffd98a), 1, v3{-4.2, 5.85, 31.9}, v3{4.2, 5.85, 31.9}, v3{4.2, 6.7, 31.9}, v3{-4.2, 6.7, 31.9})
			} else {
				w.face(hex(0xd9b25a), .8, v3{-4.2, 5.85, 31.9}, v3{4.2, 5.85, 31.9}, v3{4.2, 6.7, 31.9}, v3{-4.2, 6.7, 31.9})
			}
			w.box(hex(0xd5d2ca), 1.2, 3.4, 0, 2.7, 34.4, 37)
			glass := hex(0x40525f)
			if w.night {
				glass = hex(0xffe9c0)
			}
			w.raw(glass, 1, v3{1.5, 1, 34.3}, v3{3.1, 1, 34.3}, v3{3.1, 2.2, 34.3}, v3{1.5, 2.2, 34.3})
			for _, x := range []float64{-40, -20, 20, 40} {
				w.lamp(v3{x, 0, 31}, -math.Copysign(1, x))
			}
			w.lamp(v3{-6.4, 0, 38}, 1)
			for _, x := range []float64{-22, -2, 18} { // of the near side of the street, below the picture
				if c, k, ok := w.at(v3{x, 0, 12}); ok && w.night {
					w.glow(hex(0xffb869), .3, c.x, c.y, k*9, k*2.6)
				}
			}
		},
		extra: func(t float64) []mover {
			// A car leaves the compound and turns into the street; the barrier lets it out.
			in := mover{kind: car, col: paint[0], heading: towards, at: v3{-2.2, 0, 66 - 24*smooth(t, 0, .3) - 28*smooth(t, .42, .62)}}
			if t > .62 {
				in = mover{kind: car, col: paint[0], heading: right, at: v3{-4 + 118*math.Pow((t-.62)/.38, 1.4), 0, 13}}
			}
			return []mover{in}
		},
		lanes: []lane{
			{kind: []int{car, car, van, car}, colors: paint[2:], from: v3{-100, 0, 13}, along: v3{1, 0, 0}, length: 200, spacing: 37, heading: right},
			{kind: []int{car, bus, car}, colors: paint[1:], from: v3{100, 0, 20}, along: v3{-1, 0, 0}, length: 200, spacing: 41, heading: left},
			{kind: []int{walker, walker, walker, walker}, colors: cloth, from: v3{-50, 0, 27}, along: v3{1, 0, 0}, length: 100, spacing: 3.3, heading: right, wobble: 2},
			{kind: []int{walker, walker, walker}, colors: cloth[3:], from: v3{50, 0, 28.5}, along: v3{-1, 0, 0}, length: 100, spacing: 4.3, heading: left, wobble: 1},
			{kind: []int{walker, walker}, colors: cloth[5:], from: v3{3.9, 0, 28}, along: v3{0, 0, 1}, length: 50, spacing: 6.4, heading: away, wobble: .8},
			{kind: []int{rider, rider, rider}, colors: cloth[2:], from: v3{80, 0, 22.8}, along: v3{-1, 0, 0}, length: 160, spacing: 17, heading: left, wobble: .8},
		},
		after: func(w *world, t float64) {
			up := smooth(t, .3, .4) - smooth(t, .7, .8)
			s, c := math.Sincos(up * 1.3)
			p := func(l, y float64) v3 { return v3{.9 - l*c, 1 + l*s + y, 34} }
			for i := range 6 {
				col := hex(0xc8382e)
				if i%2 == 1 {
					col = hex(0xeeeeea)
				}
				a, b := float64(i)*.85, float64(i+1)*.85
				w.face(col, .8, p(a, 0), p(b, 0), p(b, .16), p(a, .16))
			}
			w.box(hex(0xd0942f), .7, 1.1, 0, 1.15, 33.8, 34.3)
		},
	},
	{
		name: "roofs",
		lens: lens{eye: v3{0, 46, 0}, down: .33, left: .1, focal: 430},
		still: func(w *world, r *random) {
			sky(w, w.horizon())
			w.ground(hex(0x7f8878), -260, 260, 1, 700)
			w.ground(asphalt(w), 10, 24, 1, 600)
			w.ground(hex(0xd2b052), 16.9, 17.1, 1, 400)
			w.ground(asphalt(w), -260, 260, 128, 138)
			var blocks []block
			for z := 30.; z < 520; z += 27 {
				if z > 118 && z < 142 {
					continue
				}
				for x := -250.; x < 250; x += 27 {
					if x > -22 && x < 30 && x+22 > 8 {
						continue
					}
					h := r.in(6, 17)
					if r.chance(.12) && z > 140 {
						h = r.in(26, 55)
					}
					blocks = append(blocks, block{x, x + r.in(14, 22), z, z + r.in(10, 15), h, r.of(0xb9a892, 0xa89888, 0xb3a79c, 0xa5a9a8, 0xa87a68, 0x9c8f84), false, 3})
				}
			}
			w.sides(blocks, r)
			for z := 110.; z > 34; z -= 19 {
				w.lamp(v3{9, 0, z}, 1)
				w.lamp(v3{25, 0, z + 9}, -1)
				w.tree(v3{7, 0, z}, 6, r)
				w.tree(v3{27, 0, z + 6}, 6, r)
			}
		},
		lanes: []lane{
			{kind: []int{car, car, bus, car}, colors: paint, from: v3{20, 0, 36}, along: v3{0, 0, 1}, length: 190, spacing: 26, heading: away},
			{kind: []int{car, van, car, car}, colors: paint[2:], from: v3{14, 0, 226}, along: v3{0, 0, -1}, length: 190, spacing: 25, heading: towards},
		},
	},
}

func paintKind(i int) int { return []int{car, car, van, car, bus, car, car}[i%7] }

// smooth rises from 0 at a to 1 at b.
func smooth(t, a, b float64) float64 {
	s := min(max((t-a)/(b-a), 0), 1)
	return s * s * (3 - 2*s)
}
