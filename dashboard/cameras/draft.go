package cameras

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/dashboard/live"
	"gridwall/geo/grid"
)

// Details are what only those know who look after cameras, in the words of GB/T 28181.
type Details struct {
	Group        string `json:"group"`
	Upstream     string `json:"upstream"` // ParentID 上级设备: recorder or platform
	Switch       string `json:"switch"`   // the switch that it hangs on; empty: not known
	Owner        string `json:"owner"`
	Maker        string `json:"maker"` // Manufacturer
	Model        string `json:"model"`
	Address      string `json:"address"` // 安装地址
	CivilCode    string `json:"civil_code"`
	PTZType      *int   `json:"ptz_type"`      // 1 to 7, see PTZTypes
	PositionType *int   `json:"position_type"` // 1 to 10, see PositionTypes
	UseType      *int   `json:"use_type"`      // 1 to 3, see UseTypes
	LightType    *int   `json:"light_type"`    // 1 to 3, see LightTypes
	Sign         *bool  `json:"sign"`          // a sign tells people of the camera; null: not known
}

// Draft is a camera as the API takes it. An address without credentials keeps those that stand, on the same host.
type Draft struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	URL      string    `json:"url"`
	SubURL   string    `json:"sub_url"`  // 子码流; empty: there is none
	Username string    `json:"username"` // with Password, instead of those in the addresses
	Password string    `json:"password"`
	Lon      float64   `json:"lon"`
	Lat      float64   `json:"lat"`
	Location *Location `json:"location"` // instead of lon, lat
	Bearing  *float64  `json:"bearing"`
	Angle    *float64  `json:"angle"`
	RangeM   *float64  `json:"range_m"`
	HeightM  *float64  `json:"height_m"`
	PTZ      bool      `json:"ptz"`
	Indoor   bool      `json:"indoor"`
	Secret   bool      `json:"secret"`
	Purpose  string    `json:"purpose"`
	Pinned   bool      `json:"pinned"`
	Enabled  *bool     `json:"enabled"` // null: as it is, a new one is

	Details
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// reserved ids would hide behind the addresses of the API.
var reserved = map[string]bool{"near": true, "registry": true, "bulk": true, "sweep": true, "availability": true, "import": true, "export.csv": true}

// check says what is wrong with a draft. It never repeats an address.
func (d *Draft) check() *Text {
	switch {
	case !idForm.MatchString(d.ID):
		return &Text{"编号 id 应为 1 至 64 个字母、数字、点、横线或下划线", "id has 1 to 64 letters, digits, dots, hyphens or underscores"}
	case reserved[d.ID]:
		return &Text{"编号 " + d.ID + " 为系统保留，请换一个", "the id " + d.ID + " is reserved, take another"}
	case strings.TrimSpace(d.Name) == "":
		return &Text{"名称不能为空", "give the camera a name"}
	case !rtspOrNone(d.URL), !rtspOrNone(d.SubURL):
		return &Text{"地址应以 rtsp:// 或 rtsps:// 开头", "the address begins with rtsp:// or rtsps://"}
	case d.Lon < -180 || d.Lon > 180 || d.Lat < -90 || d.Lat > 90:
		return &Text{"位置应为经度、纬度（度）", "the location is longitude and latitude in degrees"}
	case d.Bearing != nil && (*d.Bearing < 0 || *d.Bearing >= 360):
		return &Text{"方位角应为 0 至 360 度（不含 360）", "bearing is at least 0 and under 360 degrees"}
	case d.Angle != nil && (*d.Angle <= 0 || *d.Angle > 360):
		return &Text{"张角应大于 0，不超过 360 度", "angle is over 0 and at most 360 degrees"}
	case d.RangeM != nil && *d.RangeM <= 0:
		return &Text{"可视距离应大于 0 米", "range_m is over 0"}
	case len([]rune(d.Switch)) > 100:
		return &Text{"交换机名称不超过 100 字", "at most 100 characters of switch"}
	}
	for _, f := range []struct {
		zh, en, text string
		most         int
	}{
		{"名称", "name", d.Name, 200}, {"分组", "group", d.Group, 100}, {"上级设备", "upstream", d.Upstream, 100}, {"产权单位", "owner", d.Owner, 100}, {"厂商", "maker", d.Maker, 100},
		{"型号", "model", d.Model, 100}, {"安装地址", "address", d.Address, 200}, {"行政区划", "civil_code", d.CivilCode, 20}, {"用途", "purpose", d.Purpose, 100},
	} {
		if anAddress.MatchString(f.text) {
			return &Text{fmt.Sprintf("%s不应含取流地址", f.zh), fmt.Sprintf("%s is no place for a stream address", f.en)}
		}
		if len([]rune(f.text)) > f.most {
			return &Text{fmt.Sprintf("%s不超过 %d 字", f.zh, f.most), fmt.Sprintf("at most %d characters of %s", f.most, f.en)}
		}
	}
	for _, f := range []struct {
		zh, en string
		code   *int
		names  []Text
	}{
		{"摄像机类型", "ptz_type", d.PTZType, PTZTypes}, {"位置类型", "position_type", d.PositionType, PositionTypes},
		{"用途属性", "use_type", d.UseType, UseTypes}, {"补光属性", "light_type", d.LightType, LightTypes},
	} {
		if f.code != nil && (*f.code < 1 || *f.code > len(f.names)) {
			return &Text{fmt.Sprintf("%s应为 1 至 %d", f.zh, len(f.names)), fmt.Sprintf("%s is from 1 to %d", f.en, len(f.names))}
		}
	}
	return nil
}

func rtspOrNone(address string) bool {
	return address == "" || strings.HasPrefix(address, "rtsp://") || strings.HasPrefix(address, "rtsps://")
}

// columns of camera that a draft writes, in the order of values.
var columns = []string{"id", "name", "url", "sub_url", "sealed", "key_id", "grid", "geom", "bearing_deg", "angle_deg", "range_m", "height_m", "ptz", "indoor", "secret", "purpose", "pinned", "enabled", "switch",
	"group_name", "upstream", "owner", "maker", "model", "address", "civil_code", "ptz_type", "position_type", "use_type", "light_type", "sign"}

// upsert writes a draft; columns in keep stay as they are in a camera that is there.
func upsert(keep map[string]bool) string {
	var values, set []string
	n := 0
	for _, c := range columns {
		n++
		switch c {
		case "geom":
			values = append(values, fmt.Sprintf("ST_SetSRID(ST_MakePoint($%d, $%d), 4326)", n, n+1))
			n++
		case "enabled":
			values = append(values, fmt.Sprintf("COALESCE($%d, true)", n))
			if !keep[c] {
				set = append(set, fmt.Sprintf("enabled = COALESCE($%d, camera.enabled)", n))
			}
			continue
		default:
			values = append(values, fmt.Sprintf("$%d", n))
		}
		if c != "id" && !keep[c] {
			set = append(set, c+" = EXCLUDED."+c)
		}
	}
	return "INSERT INTO camera (" + strings.Join(columns, ", ") + ")\nVALUES (" + strings.Join(values, ", ") + ")\nON CONFLICT (id) DO UPDATE\nSET " + strings.Join(set, ", ")
}

// Locator finds the grids of a point, street first: geo's Map, or an index alone.
type Locator interface {
	Locate(p orb.Point) (grid.Path, error)
}

// queue adds the draft to a batch; at is where the camera is pulled from.
func (r *Room) queue(batch *pgx.Batch, sql string, d *Draft, at addresses, places Locator) {
	var code *string
	if path, err := places.Locate(orb.Point{d.Lon, d.Lat}); err == nil {
		code = &path.Cell().Code
	}
	url, sub, sealed, keyID := at.shut(r.keys, d.ID)
	trim := strings.TrimSpace
	batch.Queue(sql, d.ID, trim(d.Name), url, sub, sealed, keyID, code, d.Lon, d.Lat, d.Bearing, d.Angle, d.RangeM, d.HeightM, d.PTZ, d.Indoor, d.Secret, trim(d.Purpose), d.Pinned, d.Enabled, trim(d.Switch),
		trim(d.Group), trim(d.Upstream), trim(d.Owner), trim(d.Maker), trim(d.Model), trim(d.Address), trim(d.CivilCode), d.PTZType, d.PositionType, d.UseType, d.LightType, d.Sign)
}

// means is where the camera of a draft is pulled from, knowing where it is pulled from now.
func (d *Draft) means(now addresses) addresses {
	return addresses{settle(d.URL, now.url, d.Username, d.Password), settle(d.SubURL, now.sub, d.Username, d.Password)}
}

// addressesOf are those of cameras by id, of all where ids is nil. The rows are locked until the transaction ends.
func (r *Room) addressesOf(ctx context.Context, tx pgx.Tx, ids []string) (map[string]addresses, error) {
	const rowsOf = `SELECT id, url, sub_url, sealed, key_id FROM camera WHERE $1::text[] IS NULL OR id = ANY($1) ORDER BY id FOR UPDATE`
	rows, err := tx.Query(ctx, rowsOf, ids)
	if err != nil {
		return nil, err
	}
	found := map[string]addresses{}
	var id, url, sub string
	var sealed []byte
	var keyID *string
	_, err = pgx.ForEachRow(rows, []any{&id, &url, &sub, &sealed, &keyID}, func() error {
		// What cannot be opened is as good as forgotten: it can only be entered again.
		if found[id], err = unshut(r.keys, id, url, sub, sealed, keyID); err != nil {
			r.log.Warn("credentials of a camera cannot be opened", "camera", id, "error", err)
		}
		return nil
	})
	return found, err
}

// Act says who changes cameras and how, for their history.
type Act struct {
	Who string // user name; empty: a command on the server
	How string // form, bulk, import or undo
}

// Sign makes a transaction's changes those of an act.
func (a Act) Sign(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `SELECT set_config('gridwall.who', $1, true), set_config('gridwall.how', $2, true)`, a.Who, a.How)
	return err
}

// change runs a change of cameras, tells everyone and loads the registry: whoever saved a camera may play it at once.
func (r *Room) change(ctx context.Context, act Act, do func(tx pgx.Tx) error) error {
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if err := act.Sign(ctx, tx); err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		_, err := live.Append(ctx, tx, live.Draft{Type: "camera.changed", At: r.clock.Now(), Data: struct{}{}})
		return err
	})
	if err != nil {
		return err
	}
	return r.Load(ctx)
}

// Save writes a camera, new or changed, and tells everyone. It returns an *InvalidError for a draft that cannot be.
func (r *Room) Save(ctx context.Context, act Act, d Draft, places Locator) error {
	if d.Location != nil {
		d.Lon, d.Lat = d.Location.Lon, d.Location.Lat
	}
	if fault := d.check(); fault != nil {
		return &InvalidError{*fault}
	}
	err := r.change(ctx, act, func(tx pgx.Tx) error {
		now, err := r.addressesOf(ctx, tx, []string{d.ID})
		if err != nil {
			return err
		}
		var batch pgx.Batch
		r.queue(&batch, upsert(nil), &d, d.means(now[d.ID]), places)
		return tx.SendBatch(ctx, &batch).Close()
	})
	if err != nil {
		return fmt.Errorf("save camera %s: %w", d.ID, err)
	}
	return nil
}

// Remove takes a camera out of the registry; its history stays. ErrNotFound where there is none.
func (r *Room) Remove(ctx context.Context, act Act, id string) error {
	err := r.change(ctx, act, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `DELETE FROM camera WHERE id = $1`, id)
		if err == nil && tag.RowsAffected() == 0 {
			err = ErrNotFound
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remove camera %s: %w", id, err)
	}
	return err
}
