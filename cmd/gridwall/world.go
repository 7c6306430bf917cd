package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gridwall/dashboard/access"
	"gridwall/geo/crs"
	"gridwall/geo/geotest"
	"gridwall/geo/grid"
	"gridwall/geo/importer"
)

// townSeed makes the demo town; another number makes another town.
const townSeed = 1

// demoPassword opens every demo account. The demo serves the loopback unless it is told otherwise.
const demoPassword = "gridwall-demo"

// world is how a script finds its way into a demo: it is written to demo.json.
type world struct {
	URL      string        `json:"url"`
	Accounts []demoAccount `json:"accounts"`
	Token    string        `json:"token"` // of the administrator: every right
	Wall     demoWall      `json:"wall"`
}

type demoAccount struct {
	Username string      `json:"username"`
	Password string      `json:"password"`
	Role     access.Role `json:"role"`

	name       string
	department string // its name
}

type demoWall struct {
	URL   string `json:"url"`
	Token string `json:"token"`
}

// demoAccounts are one a role, and one more for a handful of departments that the day dispatches to.
var demoAccounts = []demoAccount{
	{"admin", demoPassword, access.Admin, "系统管理员", ""},
	{"operator", demoPassword, access.Operator, "值守员甲", ""},
	{"dispatcher", demoPassword, access.Dispatcher, "派遣员甲", ""},
	{"dutyleader", demoPassword, access.DutyLeader, "值班长甲", ""},
	{"leader", demoPassword, access.Leader, "街道领导", ""},
	{"integrator", demoPassword, access.Integrator, "集成员甲", ""},
	{"officer", demoPassword, access.Officer, "七网格网格员", ""},
	{"specialist", demoPassword, access.Specialist, "三级网格专员", ""},
	{"department", demoPassword, access.Department, "环卫局经办", "环卫局"},
	{"resident", demoPassword, access.Resident, "居民甲", ""},
}

// account is the first one of a role.
func (w *world) account(role access.Role) (demoAccount, error) {
	for _, a := range w.Accounts {
		if a.Role == role {
			return a, nil
		}
	}
	return demoAccount{}, fmt.Errorf("there is no account with the role %s", role)
}

func worldFile(dataDir string) string { return filepath.Join(dataDir, "demo.json") }

// readWorld reads demo.json; nil if there is none.
func readWorld(file string) (*world, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var w world
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &w, nil
}

// write puts demo.json down whole, for its owner alone.
func (w *world) write(file string) error {
	text, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// settle brings the town into an empty server by the ordinary importer, and lets people in. fresh says that it was empty.
func settle(ctx context.Context, s *server, town *geotest.Town, step func(what string)) (w *world, fresh bool, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM grid)`).Scan(&fresh); err != nil {
		return nil, false, err
	}
	if fresh {
		if err := importTown(ctx, s, town, step); err != nil {
			return nil, fresh, err
		}
	}
	step("the accounts")
	w, err = letIn(ctx, s, town)
	return w, fresh, err
}

func importTown(ctx context.Context, s *server, town *geotest.Town, step func(what string)) error {
	departments, officers, err := rosterFiles(town)
	if err != nil {
		return err
	}
	wgs84 := importer.Options{Datum: crs.WGS84}
	for _, f := range []struct {
		what, kind string
		data       []byte
		level      grid.Level
	}{
		{"the backdrop", "backdrop", town.Backdrop, ""},
		{"the street", "grids", town.Streets, grid.Street},
		{"the communities", "grids", town.Communities, grid.Community},
		{"the grids", "grids", town.Grids, grid.Lattice},
		{"the buildings", "buildings", town.Buildings, ""},
		{"the departments", "departments", departments, ""},
		{"the officers", "officers", officers, ""},
	} {
		step(f.what)
		in := source{kind: f.kind, name: f.what, size: int64(len(f.data)), Reader: bytes.NewReader(f.data)}
		report, err := importInto(ctx, s.pool, in, importOptions{reader: wgs84, grid: grid.Options{Level: f.level}})
		if err != nil {
			if report != nil {
				err = fmt.Errorf("%w\n%s", err, report.In("en"))
			}
			return fmt.Errorf("import %s: %w", f.what, err)
		}
	}
	return nil
}

// letIn makes the accounts, the administrator's token and the wall's.
func letIn(ctx context.Context, s *server, town *geotest.Town) (*world, error) {
	code := map[string]string{}
	for _, d := range town.Departments {
		code[d.Name] = d.Code
	}
	for _, a := range append(slices.Clone(demoAccounts), handlers(town)...) {
		account := access.Account{Username: a.Username, Name: a.name, Role: a.Role, Password: a.Password, Department: code[a.department]}
		if a.Role == access.Officer { // tasks go to whom the roster has first
			account.Officer = officerCode(0)
		}
		if err := s.dash.Access.SaveAccount(ctx, account); err != nil {
			return nil, err
		}
	}
	w := &world{URL: s.url, Accounts: demoAccounts, Wall: demoWall{URL: s.url + "/wall/main"}}
	var err error
	if w.Token, err = s.dash.Access.NewToken(ctx, "admin", "demo"); err != nil {
		return nil, err
	}
	if w.Wall.Token, err = s.dash.Access.NewDevice(ctx, "main"); err != nil {
		return nil, err
	}
	return w, assignDuties(ctx, withToken(w.URL, w.Token), town)
}

// duties are who answers for a class, else for the classes of its major, in the demo town, by a word of the department's name.
var duties = map[string]string{"01001": "水务", "01003": "排水", "01004": "排水", "01006": "供电", "01007": "电信", "01010": "供热", "01011": "燃气", "01013": "消防", "01028": "供电", "01030": "供电", "06027": "城管", "06029": "城管",
	"01": "住建", "02": "交通", "03": "环卫", "04": "林草", "05": "城管", "06": "环卫", "07": "城管", "08": "住建", "09": "城管", "10": "应急"}

// assignDuties brings in a department for every class of the list, by the ordinary import.
func assignDuties(ctx context.Context, admin *client, town *geotest.Town) error {
	var list struct{ Classes []struct{ Code string } }
	if err := admin.do(ctx, "GET", "/api/v1/catalogue", nil, &list); err != nil {
		return err
	}
	word := map[string]string{}
	for _, m := range matters {
		word[m.class] = m.department
	}
	rows := [][]string{{"class", "grid", "department"}}
	for _, c := range list.Classes {
		if d := departmentFor(town, cmp.Or(word[c.Code], duties[c.Code], duties[c.Code[:2]])); d != nil {
			rows = append(rows, []string{c.Code, "", d.Code})
		}
	}
	file, err := csvOf(rows)
	if err != nil {
		return err
	}
	return admin.do(ctx, "POST", "/api/v1/catalogue/import?sheet=duties&name=duties.csv", file, nil)
}

// handlers are the accounts of the other departments that the day and the scenarios dispatch to.
func handlers(town *geotest.Town) []demoAccount {
	var out []demoAccount
	seen := map[string]bool{"环卫局": true}
	words := []string{"综合行政执法局"}
	for _, m := range matters {
		words = append(words, m.department)
	}
	for _, word := range words {
		if d := departmentFor(town, word); d != nil && !seen[d.Name] {
			seen[d.Name] = true
			out = append(out, demoAccount{handler(d.Code), demoPassword, access.Department, d.Name + "经办", d.Name})
		}
	}
	return out
}

// handler is the name of a department's account.
func handler(code string) string { return "department-" + strings.ToLower(code) }

// departmentFor is the first department whose name holds the word; nil if there is none.
func departmentFor(town *geotest.Town, word string) *geotest.Department {
	for i := range town.Departments {
		if strings.Contains(town.Departments[i].Name, word) {
			return &town.Departments[i]
		}
	}
	return nil
}

// rosterFiles are the CSV files of departments and officers. Officers of shift B stand in for one of shift A of their grid.
func rosterFiles(town *geotest.Town) (departments, officers []byte, err error) {
	rows := [][]string{{"code", "name"}}
	for _, d := range town.Departments {
		rows = append(rows, []string{d.Code, d.Name})
	}
	if departments, err = csvOf(rows); err != nil {
		return nil, nil, err
	}
	other := map[string]map[string]string{"A": {}, "B": {}} // shift → grid → code of the first officer
	for i, o := range town.Officers {
		if first := other[o.Shift]; first != nil && first[o.Grid] == "" {
			first[o.Grid] = officerCode(i)
		}
	}
	rows = [][]string{{"code", "name", "post", "phone", "grid", "stand_in", "on_duty"}}
	for i, o := range town.Officers {
		standIn := ""
		if o.Shift == "A" {
			standIn = other["B"][o.Grid]
		}
		rows = append(rows, []string{officerCode(i), o.Name, o.Post, o.Phone, o.Grid, standIn, fmt.Sprint(o.Shift == "A" && i%9 != 4)})
	}
	officers, err = csvOf(rows)
	return departments, officers, err
}

// officerCode is the roster's code of the town's officer i, from 0.
func officerCode(i int) string { return fmt.Sprintf("W%03d", i+1) }

func csvOf(rows [][]string) ([]byte, error) {
	var out bytes.Buffer
	err := csv.NewWriter(&out).WriteAll(rows)
	return out.Bytes(), err
}
