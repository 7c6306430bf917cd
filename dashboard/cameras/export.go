package cameras

import (
	"encoding/csv"
	"io"
	"strconv"
)

// Export writes the registry as CSV with the headings that Import reads, in WGS-84 and without credentials: read again,
// it changes nothing. english chooses the standard's attribute names, else their Chinese.
func (r *Room) Export(w io.Writer, english bool) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil { // or Excel takes it for something else
		return err
	}
	out := csv.NewWriter(w)
	row := make([]string, written)
	for i, h := range headings[:written] {
		if row[i] = h.zh; english {
			row[i] = h.en
		}
	}
	if err := out.Write(row); err != nil {
		return err
	}
	for _, c := range r.List(true) {
		values := c.values()
		for i, h := range headings[:written] {
			row[i] = values[h.field]
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// values are the fields of a camera as an import reads them.
func (c *Camera) values() map[string]string {
	d := &c.details
	v := map[string]string{
		"id": c.ID, "name": c.Name, "group": d.Group, "purpose": c.Purpose, "address": d.Address, "civil_code": d.CivilCode, "owner": d.Owner, "maker": d.Maker, "model": d.Model,
		"upstream": d.Upstream, "switch": d.Switch, "url": c.stream.url.shown(), "sub_url": c.stream.sub.shown(),
		"room": "1", "secret": digit(c.secret), "ptz": digit(c.PTZ), "pinned": digit(c.pinned), "enabled": digit(c.enabled),
		"lon": strconv.FormatFloat(c.Location.Lon, 'f', -1, 64), "lat": strconv.FormatFloat(c.Location.Lat, 'f', -1, 64),
	}
	if c.Indoor {
		v["room"] = "2"
	}
	if d.Sign != nil {
		v["sign"] = digit(*d.Sign)
	}
	if c.Bearing != nil {
		v["direction"] = strconv.Itoa(direction(*c.Bearing))
	}
	for field, code := range map[string]*int{"ptz_type": d.PTZType, "position_type": d.PositionType, "use_type": d.UseType, "light_type": d.LightType} {
		if code != nil {
			v[field] = strconv.Itoa(*code)
		}
	}
	for field, n := range map[string]*float64{"bearing": c.Bearing, "angle": c.Angle, "range_m": c.RangeM, "height_m": c.HeightM} {
		if n != nil {
			v[field] = strconv.FormatFloat(*n, 'f', -1, 32) // real in the table
		}
	}
	return v
}

func digit(yes bool) string {
	if yes {
		return "1"
	}
	return "0"
}
