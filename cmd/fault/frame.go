package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
)

// frame is one message of the socket. An event has data and no more than that; the other kinds are in full.
type frame struct {
	kind     string // an event's type, or hello, snapshot, beat, positions
	seq      int64
	prev     int64 // -1: not told
	data     []byte
	mode     string
	audience string
	topic    string
	rows     []row
}

type row struct {
	Key string          `json:"key"`
	Row json.RawMessage `json:"row"`
}

// eachFrame calls take for each object of a message, be it one or an array of them.
func eachFrame(text []byte, take func(frame) error) error {
	if len(text) > 0 && text[0] == '[' {
		var parts []json.RawMessage
		if err := json.Unmarshal(text, &parts); err != nil {
			return err
		}
		for _, part := range parts {
			if err := eachFrame(part, take); err != nil {
				return err
			}
		}
		return nil
	}
	f, err := parse(text)
	if err != nil {
		return err
	}
	return take(f)
}

// parse reads one object. Events come in thousands a second to each of fifty readers: their fixed form is cut by hand.
func parse(text []byte) (frame, error) {
	if f, ok := cutEvent(text); ok {
		return f, nil
	}
	var in struct {
		Type     string
		Seq      int64
		Prev     *int64
		Mode     string
		Audience string
		Topic    string
		Rows     []row
		Data     json.RawMessage
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return frame{}, fmt.Errorf("%.200s: %w", text, err)
	}
	if in.Type == "" {
		return frame{}, fmt.Errorf("a frame without a type: %.200s", text)
	}
	f := frame{kind: in.Type, seq: in.Seq, prev: -1, data: in.Data, mode: in.Mode, audience: in.Audience, topic: in.Topic, rows: in.Rows}
	if in.Prev != nil {
		f.prev = *in.Prev
	}
	return f, nil
}

// cutEvent reads {"seq":12,"prev":9,"type":"case.moved","at":…,"data":{…}}; prev may be missing.
func cutEvent(text []byte) (frame, bool) {
	f := frame{prev: -1}
	rest, ok := bytes.CutPrefix(text, []byte(`{"seq":`))
	if ok {
		f.seq, rest, ok = cutInt(rest)
	}
	if !ok {
		return f, false
	}
	if after, has := bytes.CutPrefix(rest, []byte(`,"prev":`)); has {
		if f.prev, rest, ok = cutInt(after); !ok {
			return f, false
		}
	}
	if rest, ok = bytes.CutPrefix(rest, []byte(`,"type":"`)); !ok {
		return f, false
	}
	kind, rest, ok := bytes.Cut(rest, []byte(`","at":"`))
	if !ok {
		return f, false
	}
	_, data, ok := bytes.Cut(rest, []byte(`","data":`))
	if !ok || len(data) < 2 || data[len(data)-1] != '}' {
		return f, false
	}
	f.kind, f.data = string(kind), data[:len(data)-1]
	return f, true
}

func cutInt(text []byte) (n int64, rest []byte, ok bool) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	n, err := strconv.ParseInt(string(text[:i]), 10, 64)
	return n, text[i:], err == nil
}

func sum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// change is what an event of the topic cases does to the table of open cases.
type change struct {
	key  string
	row  uint32 // checksum of the case's JSON
	open bool
}

var errNoCase = errors.New("an event of a case without its case")

// changeOf reads the data of case.reported and case.moved.
func changeOf(data []byte) (change, error) {
	var in struct{ Case json.RawMessage }
	if err := json.Unmarshal(data, &in); err != nil {
		return change{}, err
	}
	var c struct {
		ID       int64
		ClosedAt *string `json:"closed_at"`
	}
	if err := json.Unmarshal(in.Case, &c); err != nil || c.ID == 0 {
		return change{}, errors.Join(errNoCase, err)
	}
	return change{strconv.FormatInt(c.ID, 10), sum(in.Case), c.ClosedAt == nil}, nil
}
