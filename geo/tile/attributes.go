package tile

import (
	"encoding/binary"
	"fmt"
	"math"
)

// vocabulary turns attributes into bytes once, when a feature comes in.
//
// An item's attrs are, for each attribute: the key's number, then 0 and the length and bytes of an MVT Value message, or
// the number + 1 of a shared value. Values that many features have are shared; names mostly are not.
type vocabulary struct {
	fields []Field
	keys   map[string]int
	shared map[string]uint32 // Value message → number
	values [][]byte          // number → Value message
}

func newVocabulary(fields []Field) *vocabulary {
	v := &vocabulary{fields: fields, keys: map[string]int{}, shared: map[string]uint32{}}
	for i, f := range fields {
		v.keys[f.Name] = i
	}
	return v
}

// learn makes a value shared that count of its layer's features have in common.
func (v *vocabulary) learn(message []byte) {
	if _, known := v.shared[string(message)]; !known {
		v.shared[string(message)] = uint32(len(v.values))
		v.values = append(v.values, message)
	}
}

// plain is attrs with every shared value written out.
func (v *vocabulary) plain(attrs []byte) (b []byte) {
	for len(attrs) > 0 {
		k, n := binary.Uvarint(attrs)
		attrs = attrs[n:]
		ref, n := binary.Uvarint(attrs)
		attrs = attrs[n:]
		var value []byte
		if ref == 0 {
			size, n := binary.Uvarint(attrs)
			value, attrs = attrs[n:n+int(size)], attrs[n+int(size):]
		} else {
			value = v.values[ref-1]
		}
		b = binary.AppendUvarint(b, k)
		b = binary.AppendUvarint(b, uint64(len(value)))
		b = append(b, value...)
	}
	return b
}

// encode writes a feature's attributes in the order of the fields.
func (v *vocabulary) encode(attributes map[string]any) ([]byte, error) {
	var b, message []byte
	used := 0
	for i, f := range v.fields {
		value, ok := attributes[f.Name]
		if !ok {
			continue
		}
		used++
		if value == nil {
			continue
		}
		var err error
		if message, err = appendValue(message[:0], f, value); err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(i))
		if n, ok := v.shared[string(message)]; ok {
			b = binary.AppendUvarint(b, uint64(n)+1)
			continue
		}
		b = append(b, 0)
		b = binary.AppendUvarint(b, uint64(len(message)))
		b = append(b, message...)
	}
	if used < len(attributes) {
		for name := range attributes {
			if _, ok := v.keys[name]; !ok {
				return nil, fmt.Errorf("attribute %q is not a field of the layer", name)
			}
		}
	}
	return b, nil
}

// appendValue writes an MVT Value message.
func appendValue(b []byte, f Field, value any) ([]byte, error) {
	whole := func(n int64) ([]byte, error) {
		if f.Type != Number {
			return nil, fmt.Errorf("attribute %q is %v (%T), it should be %s", f.Name, value, value, f.Type)
		}
		if n >= 0 {
			return binary.AppendUvarint(append(b, 5<<3), uint64(n)), nil
		}
		return binary.AppendUvarint(append(b, 6<<3), uint64(n)<<1^uint64(n>>63)), nil
	}
	switch x := value.(type) {
	case string:
		if f.Type == String {
			b = binary.AppendUvarint(append(b, 1<<3|2), uint64(len(x)))
			return append(b, x...), nil
		}
	case bool:
		if f.Type == Boolean {
			if x {
				return append(b, 7<<3, 1), nil
			}
			return append(b, 7<<3, 0), nil
		}
	case int:
		return whole(int64(x))
	case int32:
		return whole(int64(x))
	case int64:
		return whole(x)
	case uint64:
		if x <= math.MaxInt64 {
			return whole(int64(x))
		}
	case float64:
		if f.Type == Number {
			if n := int64(x); float64(n) == x && n > -1<<53 && n < 1<<53 {
				return whole(n)
			}
			return binary.LittleEndian.AppendUint64(append(b, 3<<3|1), math.Float64bits(x)), nil
		}
	}
	return nil, fmt.Errorf("attribute %q is %v (%T), it should be %s", f.Name, value, value, f.Type)
}
