package alarms

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/paulmach/orb"

	"gridwall/geo/grid"
)

// finder gives the conditions of a rule that are there at now. active is what stands of the rule.
type finder func(ctx context.Context, tx pgx.Tx, rule Rule, now time.Time, active map[string]words) ([]condition, error)

var finders = map[Source]finder{Overdue: findOverdue, Group: findGroups, Camera: findCameras, Screen: findScreens, Cases: findCases}

// overdueOf has the priority as a literal, so that the index of critical cases serves; the words come from Rule.Cases, which
// were checked.
const overdueOf = `
SELECT c.id, c.number, c.title, c.grid, ST_X(c.geom), ST_Y(c.geom), (array_agg(k.stage ORDER BY k.due_at))[1]
FROM case_file AS c JOIN case_clock AS k ON k.case_id = c.id AND k.ended_at IS NULL AND k.paused_at IS NULL AND k.due_at <= $1
WHERE c.open AND c.priority = '%s'
GROUP BY c.id
ORDER BY c.id`

var stages = map[string]Text{
	"verify": {"核实", "verify"}, "dispatch": {"派遣", "dispatch"}, "sign": {"签收", "sign"}, "handle": {"处置", "handle"}, "check": {"核查", "check"}, "total": {"全程", "total"},
}

func findOverdue(ctx context.Context, tx pgx.Tx, rule Rule, now time.Time, _ map[string]words) (found []condition, err error) {
	for _, priority := range rule.Cases {
		rows, err := tx.Query(ctx, fmt.Sprintf(overdueOf, priority), now)
		if err != nil {
			return nil, err
		}
		cases, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (condition, error) {
			var id int64
			var number, title, stage string
			c := condition{rule: rule, at: &Location{}}
			err := row.Scan(&id, &number, &title, &c.grid, &c.at.Lon, &c.at.Lat, &stage)
			c.sourceID = strconv.FormatInt(id, 10)
			c.key = rule.Rule + ":" + c.sourceID
			c.title = Text{rule.Name.ZH + "：" + title, rule.Name.EN + ": " + title}
			c.detail = Text{fmt.Sprintf("案卷 %s，%s时限已过", number, stages[stage].ZH), fmt.Sprintf("case %s, the time to %s is over", number, stages[stage].EN)}
			return c, err
		})
		if err != nil {
			return nil, err
		}
		found = append(found, cases...)
	}
	return found, nil
}

// dark is a camera that is gone; one that answers with something useless is not.
const dark = `state IN ('offline', 'stalled')`

const groups = `
WITH gone AS (
    SELECT behind, id, name, secret, geom, since - lag(since, $1::int - 1) OVER (PARTITION BY behind ORDER BY since) <= $2::interval AS together
    FROM camera
    WHERE ` + dark + ` AND behind <> '')
SELECT g.behind, count(*), ST_X(ST_Centroid(ST_Collect(g.geom))), ST_Y(ST_Centroid(ST_Collect(g.geom))),
       COALESCE(jsonb_agg(jsonb_build_object('id', g.id, 'name', g.name) ORDER BY g.id) FILTER (WHERE NOT g.secret), '[]'),
       (SELECT name FROM grid WHERE 'grid:' || code = g.behind)
FROM gone AS g
GROUP BY g.behind
HAVING count(*) >= $1 AND (bool_or(g.together) OR g.behind = ANY($3))
ORDER BY g.behind`

// maxItems is how many things an alarm lists by name.
const maxItems = 100

// findGroups finds what went dark together. Those of the same group that are found dark later join what stands.
func findGroups(ctx context.Context, tx pgx.Tx, rule Rule, _ time.Time, active map[string]words) ([]condition, error) {
	stand := []string{}
	for key := range active {
		stand = append(stand, strings.TrimPrefix(key, rule.Rule+":"))
	}
	rows, err := tx.Query(ctx, groups, rule.AtLeast, rule.Within, stand)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (condition, error) {
		var gridName *string
		c := condition{rule: rule, at: &Location{}}
		if err := row.Scan(&c.sourceID, &c.total, &c.at.Lon, &c.at.Lat, &c.items, &gridName); err != nil {
			return c, err
		}
		c.key = rule.Rule + ":" + c.sourceID
		kind, name, _ := strings.Cut(c.sourceID, ":")
		if kind == "grid" {
			c.grid = &name
		}
		what := map[string]Text{"switch": {"交换机 " + name, "switch " + name}, "network": {"网段 " + name, "network " + name}, "grid": {deref(gridName), deref(gridName)}}[kind]
		c.title = Text{fmt.Sprintf("%d 路摄像机同时离线：%s", c.total, what.ZH), fmt.Sprintf("%d cameras dark together: %s", c.total, what.EN)}
		var names []string
		for _, item := range c.items {
			names = append(names, item.Name)
		}
		c.items = c.items[:min(len(c.items), maxItems)]
		c.detail = Text{strings.Join(names[:min(len(names), maxItems)], "、"), strings.Join(names[:min(len(names), maxItems)], ", ")}
		return c, nil
	})
}

const cameras = `
SELECT c.id, c.name, c.grid, ST_X(c.geom), ST_Y(c.geom), COALESCE(c.reason_zh, ''), COALESCE(c.reason_en, '')
FROM camera AS c
WHERE ` + dark + ` AND NOT c.secret AND EXISTS (SELECT FROM wall AS w WHERE w.body -> 'strip' ? c.id)
  AND NOT EXISTS (SELECT FROM alarm AS a WHERE a.source = 'group' AND a.active AND a.ended_at IS NULL AND a.source_id = c.behind)
ORDER BY c.id`

func findCameras(ctx context.Context, tx pgx.Tx, rule Rule, _ time.Time, _ map[string]words) ([]condition, error) {
	rows, err := tx.Query(ctx, cameras)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (condition, error) {
		var name string
		c := condition{rule: rule, at: &Location{}, total: 1}
		err := row.Scan(&c.sourceID, &name, &c.grid, &c.at.Lon, &c.at.Lat, &c.detail.ZH, &c.detail.EN)
		c.key = rule.Rule + ":" + c.sourceID
		c.items = []Item{{c.sourceID, name}}
		c.title = Text{rule.Name.ZH + "：" + name, rule.Name.EN + ": " + name}
		return c, err
	})
}

const screens = `
SELECT s.wall, s.screen, COALESCE(w.body -> 'title' ->> 'zh', s.wall), COALESCE(w.body -> 'title' ->> 'en', s.wall)
FROM wall_screen AS s JOIN wall AS w ON w.id = s.wall
WHERE s.seen_at < now() - $1::interval
ORDER BY s.wall, s.screen`

func findScreens(ctx context.Context, tx pgx.Tx, rule Rule, _ time.Time, _ map[string]words) ([]condition, error) {
	rows, err := tx.Query(ctx, screens, rule.Silent)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (condition, error) {
		var wall, screen string
		var title Text
		c := condition{rule: rule, total: 1}
		err := row.Scan(&wall, &screen, &title.ZH, &title.EN)
		c.sourceID = wall + "/" + screen
		c.key = rule.Rule + ":" + c.sourceID
		c.title = Text{fmt.Sprintf("%s：%s（%s）", rule.Name.ZH, title.ZH, c.sourceID), fmt.Sprintf("%s: %s (%s)", rule.Name.EN, title.EN, c.sourceID)}
		c.detail = Text{fmt.Sprintf("%d 秒没有心跳", int(rule.Silent.Seconds())), fmt.Sprintf("no heartbeat for %d s", int(rule.Silent.Seconds()))}
		return c, err
	})
}

// sameClass looks at the newest five hundred reports: a storm must not make this slow. Distances are those of EPSG:3857,
// stretched by the latitude.
const sameClass = `
WITH reported AS MATERIALIZED (
    SELECT id, class, title, grid, geom FROM case_file
    WHERE reported_at > $1::timestamptz - $2::interval AND reported_at <= $1 AND class IS NOT NULL
    ORDER BY reported_at DESC LIMIT 500),
clustered AS (
    SELECT id, class, title, grid, geom, ST_ClusterDBSCAN(ST_Transform(geom, 3857), $3 / cos(radians((SELECT avg(ST_Y(geom)) FROM reported))), $4) OVER (PARTITION BY class) AS cluster
    FROM reported),
first AS (
    SELECT DISTINCT ON (class, cluster) class, cluster, ST_GeoHash(geom, 7) AS hash, title, grid, geom
    FROM clustered WHERE cluster IS NOT NULL ORDER BY class, cluster, id)
SELECT f.class || '@' || f.hash, f.title, f.grid, ST_X(f.geom), ST_Y(f.geom), jsonb_agg(jsonb_build_object('id', c.id::text, 'name', c.title) ORDER BY c.id)
FROM first AS f JOIN clustered AS c USING (class, cluster)
GROUP BY 1, f.title, f.grid, f.geom
HAVING count(*) >= $4`

const sameGrid = `
SELECT g.code, g.name, g.code, ST_X(g.label), ST_Y(g.label), '[]'::jsonb
FROM (SELECT grid, count(*) AS n FROM case_file WHERE reported_at > $1::timestamptz - $2::interval AND reported_at <= $1 GROUP BY grid) AS r JOIN grid AS g ON g.code = r.grid
WHERE r.n >= $3 - CASE WHEN g.code = ANY($5) THEN $4::int ELSE 0 END
ORDER BY g.code`

func findCases(ctx context.Context, tx pgx.Tx, rule Rule, now time.Time, active map[string]words) ([]condition, error) {
	stand := []string{}
	for key := range active {
		stand = append(stand, strings.TrimPrefix(key, rule.Rule+":"))
	}
	slices.Sort(stand)
	sql, args := sameGrid, []any{now, rule.Within, rule.AtLeast, rule.Deadband, stand}
	if rule.Same == "class" {
		sql, args = sameClass, []any{now, rule.Within, rule.RadiusM, rule.AtLeast}
	}
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	minutes := int(rule.Within.Minutes())
	found := map[string]condition{} // two clusters of one class can begin in one cell of the hash: they are one alarm
	_, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (struct{}, error) {
		var name string
		c := condition{rule: rule, at: &Location{}}
		err := row.Scan(&c.sourceID, &name, &c.grid, &c.at.Lon, &c.at.Lat, &c.items)
		c.key = rule.Rule + ":" + c.sourceID
		c.total = len(c.items)
		c.items = c.items[:min(len(c.items), maxItems)]
		c.title = Text{rule.Name.ZH + "：" + name, rule.Name.EN + ": " + name}
		c.detail = Text{fmt.Sprintf("%d 分钟内 %d 件以上", minutes, rule.AtLeast), fmt.Sprintf("%d or more within %d min", rule.AtLeast, minutes)}
		if rule.Same == "class" {
			c.detail = Text{fmt.Sprintf("%.0f 米内，%d 分钟内 %d 件同类案卷", rule.RadiusM, minutes, c.total), fmt.Sprintf("%d cases of one class within %.0f m in %d min", c.total, rule.RadiusM, minutes)}
		}
		found[c.key] = c
		return struct{}{}, err
	})
	list := make([]condition, 0, len(found))
	for _, key := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[key])
	}
	return list, err
}

// heard are the officers who have a grid and were heard of lately.
const heard = `
SELECT a.id, a.grid, ST_X(p.geom), ST_Y(p.geom)
FROM position AS p JOIN account AS a ON a.id::text = p.object
WHERE a.active AND a.role IN ('officer', 'specialist') AND a.grid IS NOT NULL AND p.at > $1::timestamptz - interval '10 minutes' AND p.at <= $1::timestamptz + interval '1 minute'
ORDER BY a.id`

// patrol is what a node remembers of the officers for one rule.
type patrol struct {
	index   *grid.Index
	fences  *grid.Fences
	watches map[string]grid.Watch // by the alarm's key
}

// findAway finds officers outside their grid; the delays of the rule are the fences' own. What stands counts as decided: the
// nodes look in turn. Alarms stand on walls: they name the grid, not the person.
func (r *Room) findAway(ctx context.Context, tx pgx.Tx, rule Rule, now time.Time, active map[string]words) (found []condition, err error) {
	p := r.patrols[rule.Rule]
	if index := r.Places.Index(); p.index != index {
		p.index, p.fences = index, grid.NewFences(index, grid.Fencing{SlackM: rule.RadiusM, Leave: rule.OnDelay, Return: rule.OffDelay})
	}
	rows, err := tx.Query(ctx, heard, now)
	if err != nil {
		return nil, err
	}
	watches := make(map[string]grid.Watch, len(p.watches)) // who was not heard of is forgotten
	var account int
	var home string
	var at Location
	_, err = pgx.ForEachRow(rows, []any{&account, &home, &at.Lon, &at.Lat}, func() error {
		cell := p.fences.Cell(home)
		if cell == nil {
			return nil // the grid is no more
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "fence %d", account))
		c := condition{rule: rule, sourceID: fmt.Sprintf("%x", sum[:6]), grid: &cell.Code, at: &Location{at.Lon, at.Lat}}
		c.key = rule.Rule + ":" + c.sourceID
		w := p.watches[c.key]
		_, w.Away = active[c.key]
		w = p.fences.Step(w, home, orb.Point{at.Lon, at.Lat}, now)
		if watches[c.key] = w; !w.Away {
			return nil
		}
		c.title = Text{rule.Name.ZH + "：" + cell.Name, rule.Name.EN + ": " + cell.Name}
		c.detail = Text{"已离开网格边界", "outside the border of the grid"}
		found = append(found, c)
		return nil
	})
	if err == nil {
		p.watches = watches
		r.patrols[rule.Rule] = p
	}
	return found, err
}
