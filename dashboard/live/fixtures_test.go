package live_test

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"testing"
)

// The page and the reference client of these tests are held to the same messages.
func TestTheReferenceClientDoesWhatThePageDoes(t *testing.T) {
	text, err := os.ReadFile("../../assets/src/live/fixtures.json")
	if err != nil {
		t.Fatal(err)
	}
	type outcome struct {
		Last      *int64   `json:"last"`
		Events    []int64  `json:"events"`
		Snapshots []string `json:"snapshots"`
		Resyncs   int      `json:"resyncs"`
		Hole      bool     `json:"hole"`
		Positions int      `json:"positions"`
	}
	var fixtures []struct {
		About    string
		Last     *int64
		Messages []json.RawMessage
		Expect   outcome
	}
	if err := json.Unmarshal(text, &fixtures); err != nil {
		t.Fatal(err)
	}
	if len(fixtures) < 10 {
		t.Fatalf("%d fixtures", len(fixtures))
	}
	for _, f := range fixtures {
		t.Run(f.About, func(t *testing.T) {
			c := newClient()
			c.audience = "a1"
			if f.Last != nil {
				c.last = *f.Last
			}
			got := outcome{Events: []int64{}, Snapshots: []string{}}
			for _, raw := range f.Messages {
				var m message
				if err := json.Unmarshal(raw, &m); err != nil {
					t.Fatal(err)
				}
				var err error
				switch m.Type {
				case "hello":
					err = c.hello(m)
				case "snapshot":
					got.Snapshots = append(got.Snapshots, m.Topic)
					err = c.take(m)
				case "positions":
					got.Positions++
					err = c.take(m)
				default:
					err = c.take(m)
				}
				if errors.Is(err, errHole) {
					got.Hole = true
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			got.Events, got.Resyncs = append(got.Events, c.seen...), c.resyncs
			if c.last >= 0 {
				got.Last = &c.last
			}
			if !reflect.DeepEqual(got, f.Expect) {
				a, _ := json.Marshal(got)
				b, _ := json.Marshal(f.Expect)
				t.Errorf("got  %s\nwant %s", a, b)
			}
		})
	}
}
