package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"gridwall/streams/page"
)

// watched is what one viewer saw of one camera.
type watched struct {
	frames, gaps, lost int // gaps: frames that never came; lost: those that the relay told as lost
	last               uint32
	at                 time.Time
	silence            time.Duration // the longest time between two frames
}

// soak pulls 309 cameras of 512 kbit/s for a time, a viewer each over ten pages, and counts what is missing.
func soak(ctx context.Context, length time.Duration) error {
	const count, kbit, pages = 309, 512, 10
	room, err := start(ctx, "cameras", fmt.Sprint(count), fmt.Sprint(kbit))
	if err != nil {
		return err
	}
	defer room.stop()
	relay, err := start(ctx, "relay", room.addr, fmt.Sprint(count))
	if err != nil {
		return err
	}
	defer relay.stop()
	var mu sync.Mutex
	cameras := make([]watched, count)
	counting := false
	var viewers []*viewer
	var work sync.WaitGroup
	defer func() {
		for _, v := range viewers {
			v.close()
		}
		work.Wait()
	}()
	for i := range pages {
		var watch []int
		for n := i; n < count; n += pages {
			watch = append(watch, n)
		}
		v, err := openPage(relay.addr, watch)
		if err != nil {
			return err
		}
		viewers = append(viewers, v)
		work.Go(func() {
			for {
				_, b, err := v.ws.ReadMessage()
				if err != nil {
					return
				}
				now := time.Now()
				mu.Lock()
				for ; len(b) >= 20; b = b[20+binary.BigEndian.Uint32(b):] {
					if b[4] == page.Fragment {
						cameras[watch[binary.BigEndian.Uint16(b[6:])-1]].see(binary.BigEndian.Uint32(b[8:]), b[5]&page.Lost != 0, now, counting)
					}
				}
				mu.Unlock()
			}
		})
	}
	if err := pause(ctx, warmUp+count*20*time.Millisecond); err != nil {
		return err
	}
	mu.Lock()
	for i := range cameras {
		cameras[i] = watched{last: cameras[i].last, at: time.Now()}
	}
	counting = true
	mu.Unlock()
	began, spent := time.Now(), relay.cpu()
	fmt.Printf("%d cameras of %d kbit/s, a viewer each over %d pages, for %v\n", count, kbit, pages, length)
	var memory []float64
	for time.Since(began) < length {
		if err := pause(ctx, min(length/10, time.Minute)); err != nil {
			return err
		}
		memory = append(memory, relay.rss())
	}
	took, cpu := time.Since(began), relay.cpu()-spent
	mu.Lock()
	defer mu.Unlock()
	var all watched
	fewest := cameras[0].frames
	for _, c := range cameras {
		all.frames, all.gaps, all.lost = all.frames+c.frames, all.gaps+c.gaps, all.lost+c.lost
		all.silence, fewest = max(all.silence, c.silence, time.Since(c.at)), min(fewest, c.frames)
	}
	fmt.Printf("frames %d, of the camera with the fewest %d of %.0f due; gaps %d, told as lost %d; longest silence of a camera %v\n",
		all.frames, fewest, took.Seconds()/frame.Seconds(), all.gaps, all.lost, all.silence.Round(time.Millisecond))
	fmt.Printf("relay: %.0f %% of a core, RSS from %.0f to %.0f MiB\n", 100*cpu.Seconds()/took.Seconds(), slices.Min(memory), slices.Max(memory))
	if all.gaps > 0 || all.lost > 0 {
		return fmt.Errorf("%d frames are missing", all.gaps+all.lost)
	}
	return nil
}

func (w *watched) see(number uint32, lost bool, now time.Time, counting bool) {
	if counting {
		w.frames++
		w.gaps += int(int32(number - w.last - 1))
		if lost {
			w.lost++
		}
		w.silence = max(w.silence, now.Sub(w.at))
	}
	w.last, w.at = number, now
}
