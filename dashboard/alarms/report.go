package alarms

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"gridwall/dashboard/access"
)

// Report is what a sensor says.
type Report struct {
	Rule     string // of source sensor; empty: the first of them
	Key      string // what it is about
	Priority Priority
	Title    Text
	Detail   Text
	Active   bool
	Location *Location
	// Idempotency makes a repeated report the same report; empty: none. Sum is the checksum of the request.
	Idempotency string
	Sum         [32]byte
}

// personal are what looks like a phone or an identity number: an alarm stands on walls.
var personal = regexp.MustCompile(`(?:^|\D)(?:1[3-9]\d{9}|\d{17}[\dXx])(?:\D|$)`)

// Report raises or returns the alarm of a sensor. It returns nil where something is over that did not stand. seq is 0 where
// nothing changed.
//
// Errors: *InvalidError for what the report lacks, ErrKeyReused.
func (r *Room) Report(ctx context.Context, who access.Identity, in Report) (a *Alarm, seq int64, err error) {
	rule, err := r.check(&in)
	if err != nil {
		return nil, 0, err
	}
	c := condition{key: "sensor:" + in.Key, rule: rule, priority: in.Priority, sourceID: in.Key, title: in.Title, detail: in.Detail, at: in.Location}
	return r.reported(ctx, who, c, in)
}

// SOS raises the alarm of an officer who calls for help, or, with Active false, says that the help is no longer needed. The
// alarm names the place and not the person.
func (r *Room) SOS(ctx context.Context, who access.Identity, in Report) (*Alarm, int64, error) {
	if err := in.Location.check(); err != nil {
		return nil, 0, err
	}
	if in.Active && in.Location == nil {
		return nil, 0, invalid("location_missing", "请给出位置 lon、lat", "give the location: lon, lat")
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "sos %d", who.Account))
	name := r.Rules.of(SOS)[0]
	rule, _ := r.Rules.Find(name)
	c := condition{key: fmt.Sprintf("sos:%x", sum[:6]), rule: rule, title: rule.Name, at: in.Location}
	return r.reported(ctx, who, c, in)
}

const gridOf = `
SELECT g.code, g.name FROM grid AS g
WHERE g.code = grid_at(ST_SetSRID(ST_MakePoint($1, $2), 4326))`

func (r *Room) reported(ctx context.Context, who access.Identity, c condition, in Report) (a *Alarm, seq int64, err error) {
	now := r.Clock.Now()
	err = pgx.BeginFunc(ctx, r.Pool, func(tx pgx.Tx) error {
		again, known, err := r.takeKey(ctx, tx, who, in, now)
		if err != nil || known {
			a = again
			return err
		}
		if c.at != nil {
			var code, name string
			err := tx.QueryRow(ctx, gridOf, c.at.Lon, c.at.Lat).Scan(&code, &name)
			if err != nil && !errors.Is(err, pgx.ErrNoRows) {
				return err
			}
			if err == nil {
				c.grid = &code
			}
			if err == nil && c.rule.Source == SOS {
				c.title = Text{c.title.ZH + "：" + name, c.title.EN + ": " + name}
			}
		}
		var id int64
		var tell bool
		if in.Active {
			id, tell, err = r.raise(ctx, tx, c, now, person(who))
		} else {
			id, tell, err = r.fall(ctx, tx, c.key, now, person(who))
		}
		if err != nil {
			return err
		}
		if id != 0 && in.Idempotency != "" {
			if _, err := tx.Exec(ctx, `UPDATE alarm_report_key SET alarm = $3 WHERE account = $1 AND key = $2`, who.Account, in.Idempotency, id); err != nil {
				return err
			}
		}
		var alarms []*Alarm
		switch {
		case tell:
			alarms, seq, err = r.tell(ctx, tx, []int64{id}, now)
		case id != 0:
			alarms, err = r.byID(ctx, tx, []int64{id})
		}
		if err == nil && len(alarms) > 0 {
			a = alarms[0]
		}
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("report alarm: %w", err)
	}
	return a, seq, nil
}

const (
	insertKey = `INSERT INTO alarm_report_key (account, key, sum, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	findKey   = `SELECT sum, alarm FROM alarm_report_key WHERE account = $1 AND key = $2`
)

// takeKey notes the report's key. known says that it came before: then that report's alarm is the answer.
func (r *Room) takeKey(ctx context.Context, tx pgx.Tx, who access.Identity, in Report, now time.Time) (again *Alarm, known bool, err error) {
	if in.Idempotency == "" {
		return nil, false, nil
	}
	tag, err := tx.Exec(ctx, insertKey, who.Account, in.Idempotency, in.Sum[:], now)
	if err != nil || tag.RowsAffected() > 0 {
		return nil, false, err
	}
	var sum []byte
	var id *int64
	if err := tx.QueryRow(ctx, findKey, who.Account, in.Idempotency).Scan(&sum, &id); err != nil {
		return nil, false, err
	}
	if !slices.Equal(sum, in.Sum[:]) {
		return nil, false, ErrKeyReused
	}
	if id == nil {
		return nil, true, nil
	}
	alarms, err := r.byID(ctx, tx, []int64{*id})
	if err != nil {
		return nil, false, err
	}
	return alarms[0], true, nil
}

// check says what a report lacks, and finds its rule.
func (r *Room) check(in *Report) (Rule, error) {
	names := r.Rules.of(Sensor)
	if in.Rule == "" {
		in.Rule = names[0]
	}
	rule, _ := r.Rules.Find(in.Rule)
	all := in.Key + in.Title.ZH + in.Title.EN + in.Detail.ZH + in.Detail.EN
	in.Title = Text{strings.TrimSpace(in.Title.ZH), strings.TrimSpace(in.Title.EN)}
	switch {
	case rule.Source != Sensor:
		return rule, invalid("unknown_rule", fmt.Sprintf("没有传感器规则 %s，可用：%s", in.Rule, strings.Join(names, "、")), fmt.Sprintf("there is no sensor rule %q: %s", in.Rule, strings.Join(names, ", ")))
	case in.Key == "" || len(in.Key) > 150:
		return rule, invalid("key_invalid", "key 说明报警对象，1 至 150 字节", "key says what the alarm is about, 1 to 150 bytes")
	case in.Priority != "" && !slices.Contains(Priorities, in.Priority):
		return rule, invalid("unknown_priority", "priority 应为 high、medium 或 low", "priority is high, medium or low")
	case in.Active && (in.Title.ZH == "" || in.Title.EN == ""):
		return rule, invalid("title_missing", "请填写标题 title", "give the alarm a title")
	case len([]rune(in.Title.ZH)) > 120 || len([]rune(in.Title.EN)) > 120 || len([]rune(in.Detail.ZH)) > 1000 || len([]rune(in.Detail.EN)) > 1000:
		return rule, invalid("text_too_long", "标题不超过 120 字，说明不超过 1000 字", "at most 120 characters of title and 1,000 of detail")
	case strings.ContainsRune(all, 0):
		return rule, invalid("text_invalid", "文字中含有空字符", "the text holds a NUL character")
	case personal.MatchString(all):
		return rule, invalid("personal_data", "报警会上大屏：标题、说明和 key 不得含手机号或身份证号", "an alarm is shown on walls: key, title and detail must hold no phone or identity number")
	}
	if rule.Escalate == 0 && in.Priority == High {
		rule.Escalate = time.Minute // whatever is high is answered within a minute
	}
	return rule, in.Location.check()
}

func (l *Location) check() error {
	if l != nil && (l.Lon < -180 || l.Lon > 180 || l.Lat < -90 || l.Lat > 90) {
		return invalid("location_invalid", "经度在前，纬度在后，单位为度", "the location is not in degrees, longitude first")
	}
	return nil
}
