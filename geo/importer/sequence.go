package importer

import (
	"bytes"
	"encoding/json"
)

// sequence reads GeoJSON text sequences (RFC 8142), and the same without their separators: a Feature a line.
type sequence struct{ features }

const recordSeparator = 0x1E

// isSequence looks whether the file begins with a separator, or with a Feature and no collection.
func isSequence(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) > 0 && head[0] == recordSeparator {
		return true
	}
	dec := json.NewDecoder(bytes.NewReader(head))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return false
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return false
		}
		if name == "type" {
			return string(value) == `"Feature"`
		}
	}
	return false
}

func (s *sequence) next() (*Record, error) {
	for {
		c, err := s.skip()
		if err != nil {
			return nil, err // io.EOF is the end
		}
		if c != recordSeparator {
			break
		}
		s.in.Discard(1) // it was peeked
	}
	raw, line, err := s.value()
	if err != nil {
		return nil, err
	}
	s.text.rowEnds()
	return s.record(line, raw), nil
}
