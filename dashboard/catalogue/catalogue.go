// Package catalogue is the list of parts 部件 and matters 事项 that a case can be about.
//
// The shipped list is that of the demo: 33 parts and 112 matters, codes and names after GB/T 47678.5-2026 from a
// secondary source (no conformance is claimed), local items counted downward from 999 and tagged (自定义).
package catalogue

import (
	"bytes"
	"encoding/csv"
	"fmt"
)

// Edition is stored with every case beside the code.
const Edition = "gbt47678.5-2026"

// Text is said in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Major is a main class 大类.
type Major struct {
	Code string `json:"code"`
	Name Text   `json:"name"`
}

// Class is one item of the list.
type Class struct {
	Code     string `json:"code"` // 5 digits: major 2, minor 3
	Kind     string `json:"kind"` // part or matter
	Major    Major  `json:"major"`
	Name     Text   `json:"name"`
	Priority string `json:"priority"` // what a case of this class has unless its report says otherwise
}

// Catalogue is a list in its order. It does not change.
type Catalogue struct {
	classes []Class
	byCode  map[string]int
}

// Parse reads a list: code,kind,major,major_zh,major_en,zh,en,priority with a header line. Errors name the line.
func Parse(text []byte) (*Catalogue, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord = 8
	rows, err := in.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	c := &Catalogue{byCode: map[string]int{}}
	for i, row := range rows[1:] {
		class := Class{row[0], row[1], Major{row[2], Text{row[3], row[4]}}, Text{row[5], row[6]}, row[7]}
		if _, twice := c.byCode[class.Code]; twice || len(class.Code) != 5 || class.Kind != "part" && class.Kind != "matter" {
			return nil, fmt.Errorf("catalogue: line %d: code %q is listed twice, has not 5 digits, or is neither part nor matter", i+2, class.Code)
		}
		c.byCode[class.Code] = len(c.classes)
		c.classes = append(c.classes, class)
	}
	return c, nil
}

// Classes is the whole list.
func (c *Catalogue) Classes() []Class { return c.classes }

// Class is the item with that code.
func (c *Catalogue) Class(code string) (Class, bool) {
	i, ok := c.byCode[code]
	if !ok {
		return Class{}, false
	}
	return c.classes[i], true
}
