package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
)

// ruled is a class and a condition that a report names: the condition carries the limit, and the class is what earlier reports
// around the place are looked for by.
type ruled struct{ class, condition string }

// rules posts reports that every rule looks at, from all over the grids: rights, the grid of the place, class and condition with
// their limit, the clocks, and the earlier reports of the class within 50 m that each is offered to be merged into.
func (h *house) rules(ctx context.Context) error {
	fmt.Printf("\n# rules: reports with class, condition and place, each held against earlier ones around it; 64 writers, %d round(s) of %v\n", h.rounds, h.scale.ingest)
	var counter, plain, all []taken
	for range h.rounds {
		for _, in := range h.intakes()[:2] {
			if err := h.checkpoint(ctx); err != nil {
				return err
			}
			s, err := in.start(ctx)
			if err != nil {
				return err
			}
			h.crew(ctx, s.addr, 4, h.scale.ingest/4, nil) // warm
			t := h.crew(ctx, s.addr, 64, h.scale.ingest, nil)
			if in.name == "ours" {
				plain, err = append(plain, t), h.withRules(ctx, s.addr)
				all = append(all, h.crew(ctx, s.addr, 64, h.scale.ingest, nil))
				h.ruled = nil
			} else {
				counter = append(counter, t)
			}
			s.stop()
			if err != nil {
				return err
			}
		}
		if err := h.clear(ctx); err != nil {
			return err
		}
	}
	for _, row := range []struct {
		name string
		of   []taken
	}{{"counter row", counter}, {"ours, no class", plain}, {"ours, every rule", all}} {
		fmt.Printf("%-17s %v\n", row.name, row.of)
	}
	middle := func(of []taken, figure func(taken) float64) float64 {
		var list []float64
		for _, t := range of {
			list = append(list, figure(t))
		}
		return middleOf(list)
	}
	speed, p99 := func(t taken) float64 { return t.perSecond }, func(t taken) float64 { return t.p99 }
	verdict("tx/s with every rule, of the counter row", middle(all, speed)/middle(counter, speed), "≥", 4)
	verdict("tx/s with every rule, of ours without a class", middle(all, speed)/middle(plain, speed), "≥", 0.8)
	verdict("ack p99 with every rule, ms", middle(all, p99), "≤", 20)
	return nil
}

// String is a row of the table.
func (t taken) String() string {
	return fmt.Sprintf("%.0f tx/s, ack p50 %.1f ms, p99 %.1f ms, %d refused, %d failed", t.perSecond, t.p50, t.p99, t.refused, t.failed)
}

// withRules has writers name the classes that the centre lists.
func (h *house) withRules(ctx context.Context, addr string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/v1/catalogue", http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+h.tokens[0])
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var list struct {
		Classes []struct {
			Code       string
			Conditions []struct{ Condition string }
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return fmt.Errorf("read the catalogue: %w", err)
	}
	h.ruled = nil
	for _, c := range list.Classes {
		for _, k := range c.Conditions {
			h.ruled = append(h.ruled, ruled{c.Code, k.Condition})
		}
	}
	if len(h.ruled) == 0 {
		return fmt.Errorf("the catalogue has no conditions")
	}
	return nil
}

// body is a report: with a class and from anywhere where rules are asked for, else from the middle of a grid.
func (h *house) body() []byte {
	const words = `"title":"污水井盖破损","description":"路口东侧，井盖翘起约五厘米，影响行人与非机动车通行"`
	cell := west + float64(rand.IntN(counties))*0.01
	if len(h.ruled) == 0 {
		return fmt.Appendf(nil, `{"flow":"incident","priority":"normal",%s,"location":{"lon":%.4f,"lat":%.4f}}`, words, cell+0.005, south+0.005)
	}
	r := h.ruled[rand.IntN(len(h.ruled))]
	condition, _ := json.Marshal(r.condition) // a string always can
	return fmt.Appendf(nil, `{"flow":"incident","class":%q,"condition":%s,%s,"location":{"lon":%.6f,"lat":%.6f}}`, r.class, condition, words,
		cell+0.0001+0.0098*rand.Float64(), south+0.0001+0.0098*rand.Float64())
}
