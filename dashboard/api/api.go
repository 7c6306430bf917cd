// Package api is the only room that speaks HTTP to people and programs: the route table, thin handlers, problem+json.
//
// The life of a request: the table names the right that a route needs, access says who asks, the handler decodes, calls one
// room and encodes; what a handler returns as an error, problem.go turns into an answer.
package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gridwall/dashboard/access"
	"gridwall/dashboard/access/oidc"
	"gridwall/dashboard/alarms"
	"gridwall/dashboard/audit"
	"gridwall/dashboard/cameras"
	"gridwall/dashboard/cases"
	"gridwall/dashboard/catalogue"
	"gridwall/dashboard/clock"
	"gridwall/dashboard/evaluation"
	"gridwall/dashboard/grids"
	"gridwall/dashboard/live"
	"gridwall/dashboard/persons"
	"gridwall/dashboard/ptz"
	"gridwall/dashboard/roster"
	"gridwall/dashboard/wall"
	"gridwall/geo"
	"gridwall/geo/basemap"
	"gridwall/streams"
	"gridwall/streams/hls"
	"gridwall/streams/rtsp"
	"gridwall/streams/still"
	"gridwall/streams/whep"
)

// Config names the rooms that the API opens to the outside.
type Config struct {
	Pool       *pgxpool.Pool
	Access     *access.Room
	Cases      *cases.Room
	Flows      fs.FS // the site's flow files; nil: none
	Catalogue  *catalogue.Room
	Roster     *roster.Room
	Cameras    *cameras.Room
	Walls      *wall.Room
	Alarms     *alarms.Room
	Grids      *grids.Room
	Places     *geo.Map
	Basemap    *basemap.Map // nil: none
	Hub        *streams.Hub
	WHEP       *whep.Server
	HLS        *hls.Server
	Stills     *still.Taker
	PTZ        *ptz.Room
	CameraNet  rtsp.Net // where cameras may be
	Evaluation *evaluation.Room
	Persons    *persons.Room // nil or without keys: off
	Plays      *audit.Plays
	// RTSP is where video goes out for other players; nil: it does not.
	RTSP   net.Addr
	Live   *live.Socket
	Writer *live.Writer
	Clock  *clock.Clock
	// SettableClock lets who may (clock.set) stop the clock: for scenarios, drills and the demo.
	SettableClock bool
	// Proxies are the networks of those that may say whose request it is (X-Forwarded-For, -Proto); none: nobody may.
	Proxies []netip.Prefix
	// OIDC is the site's OpenID provider; nil: none.
	OIDC *oidc.Provider
	// Pages holds index.html, wall.html, login.html and static/.
	Pages fs.FS
	Log   *slog.Logger
}

// Server answers requests. New is the only way to one.
type Server struct {
	Config
	ctx        context.Context // ends websockets when the server stops
	registry   *prometheus.Registry
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	failures   budget // of signing in, by address
	heavy      budget // of what costs much, by account
	enrolments budget // of codes for screens, by address
	readiness  readiness
	relay      bool // this is a relay: see relayRoutes
}

// handler is a route's own part: an error it returns becomes problem+json.
type handler func(w http.ResponseWriter, r *http.Request, who access.Identity) error

// open marks routes for everyone.
const open access.Right = ""

// route is a line of the table.
type route struct {
	pattern string
	right   access.Right
	handle  handler
	about   string // one line for the OpenAPI document; empty: not part of the API
}

// routes is the whole table: what is not here does not exist.
func (s *Server) routes() []route {
	return []route{
		{"GET /healthz", open, s.health, "Is the process alive"},
		{"GET /readyz", open, s.ready, "May requests be sent to this node: the database answers and the log is heard; 503 names what is missing"},
		{"GET /metrics", access.MetricsRead, s.metrics, "Metrics for Prometheus"},
		{"GET /debug/pprof/{profile}", access.ProfileRead, s.profile, "A profile of this node for go tool pprof: cpu (seconds), heap, goroutine, allocs, block, mutex, threadcreate"},
		{"GET /api/v1/openapi.json", access.SessionRead, s.openAPI, "This document"},

		{"POST /api/v1/session", open, s.signIn, "Sign in with {username, password, code?}; sets the session cookie. 401 code_required: the account has a second factor"},
		{"GET /api/v1/session/ways", open, s.waysIn, "The ways to sign in beside a password"},
		{"GET /api/v1/session", access.SessionRead, s.session, "Who am I and what may I do"},
		{"DELETE /api/v1/session", access.SessionRead, s.signOut, "Sign out"},
		{"POST /api/v1/session/password", access.SessionRead, s.changePassword, "Change one's password: {old, new}; ends all sessions of the account"},
		{"GET /api/v1/session/factor", access.SessionRead, s.factor, "One's second factor: whether there is one, since when, recovery codes that are left"},
		{"POST /api/v1/session/factor", access.SessionRead, s.beginFactor, "Begin a second factor: {password} gives the secret for an authenticator (RFC 6238), as text and picture"},
		{"POST /api/v1/session/factor/confirm", access.SessionRead, s.confirmFactor, "Confirm it with its first {code}: gives the recovery codes, once, and ends one's other sessions"},
		{"POST /api/v1/session/factor/remove", access.SessionRead, s.removeFactor, "Remove it: {password, code}"},
		{"GET /api/v1/sessions", access.SessionRead, s.sessions, "One's own sign-ins: since when, from where"},
		{"DELETE /api/v1/sessions", access.SessionRead, s.revokeOthers, "End all of them but the one that asks"},
		{"DELETE /api/v1/sessions/{id}", access.SessionRead, s.revokeSession, "End one of them"},

		{"GET /api/v1/cases", access.CaseRead, s.listCases, "List cases: state, open, grid, bbox, priority, light, flow, camera, mine (tasks of one's own), fell_due (in the last 30 days), since, q, limit, after"},
		{"POST /api/v1/cases", access.CaseReport, s.reportCase, "Report a case; Idempotency-Key makes a repeated report the same report"},
		{"GET /api/v1/cases/{id}", access.CaseRead, s.getCase, "One case with the moves that are permitted to the caller"},
		{"POST /api/v1/cases/{id}/reporter", access.ReporterRead, s.reporter, "Who reported a case, in full, to who says what for: {purpose: call_back, verify, answer, complaint or law}; it is on the audit first"},
		{"GET /api/v1/cases/{id}/timeline", access.CaseRead, s.caseTimeline, "What happened to a case"},
		{"POST /api/v1/cases/{id}/moves", access.CaseMove, s.moveCase, "Make a move: {move, note?, department?, departments?, until?, case?, photos?, rating?, fields?}; Idempotency-Key makes a repeated move the same move"},
		{"POST /api/v1/photos", access.PhotoUpload, s.uploadPhoto, "Upload a JPEG, PNG or WebP picture of at most 10 MiB"},
		{"GET /api/v1/photos/{id}", access.CaseRead, s.photo, "A picture of a case"},
		{"GET /api/v1/flows", access.CaseRead, s.flows, "All declared flows in their newest edition"},
		{"POST /api/v1/flows/reload", access.FlowManage, s.reloadFlows, "Read the site's flow files anew: all are taken or none, and a fault is named with file and line"},
		{"GET /api/v1/flows/{flow}", access.CaseRead, s.flow, "A declared flow: states, moves, roles, needs"},
		{"GET /api/v1/flows/{flow}/sums", access.CaseRead, s.flowSums, "What the fields of a flow's cases come to: money, people, areas; grid, by (department)"},
		{"GET /api/v1/calendar", access.CaseRead, s.getCalendar, "The site's working calendar: {zone, week, hours, workday, days: {date: working}, saved_at, saved_by}"},
		{"PUT /api/v1/calendar", access.CatalogueManage, s.saveCalendar, "Save the working calendar; clocks that begin from now on go by it, deadlines that were told stand"},
		{"GET /api/v1/catalogue", access.SessionRead, s.classes, "The centre's list of parts and matters with the conditions and their limits; edition and all: every class of an edition"},
		{"GET /api/v1/catalogue.xlsx", access.CaseRead, s.exportCatalogue, "The catalogue as a workbook that the import reads: classes, conditions, duties, bridge; headings=zh or en"},
		{"POST /api/v1/catalogue/import", access.CatalogueManage, s.importCatalogue, "Import a workbook, or a CSV file of one sheet (sheet: classes, conditions, duties or bridge): the file as body; name, dry_run"},
		{"GET /api/v1/catalogue/bridge", access.CaseRead, s.bridge, "What the classes of one edition are in another, and which are unmapped: from, to"},
		{"GET /api/v1/catalogue/coverage", access.CaseRead, s.catalogueCoverage, "Which department answers for each class in each grid below one: grid"},
		{"PUT /api/v1/catalogue/duties", access.CatalogueManage, s.assignDuty, "Say who answers for a class in a grid and below it: {class, grid, department}; grid empty: everywhere; department empty: the grid above says"},
		{"PUT /api/v1/duty", access.CatalogueManage, s.setDuty, "Say who is on duty: {officer or department: code, on_duty}; what lies with one who is off goes to who stands in, and back"},
		{"GET /api/v1/departments", access.CaseRead, s.departments, "The departments that cases go to"},
		{"GET /api/v1/officers/duty", access.CaseRead, s.officersOnDuty, "The officers on duty: post and grid, nobody's name"},
		{"GET /api/v1/situation", access.CaseRead, s.situation, "The numbers of the wall"},

		{"GET /api/v1/evaluation", access.EvaluationRead, s.evaluate, "Indicators, counts with their lists, and the score of 100: from, to (days, default the last 30), one of area, department, post, collector, kind"},
		{"GET /api/v1/evaluation/ranking", access.EvaluationRead, s.rank, "Ranking: by (area, department, post, collector), indicator (default score), area (whose children), from, to, kind; a denominator under 5 hides a rate"},
		{"GET /api/v1/evaluation/cases", access.EvaluationRead, s.evaluatedCases, "The cases that a figure counts: measure and the figure's own parameters, limit, after"},
		{"GET /api/v1/evaluation/plan", access.EvaluationRead, s.evaluationPlan, "The formulas and weights, and the measures that they can name"},
		{"PUT /api/v1/evaluation/plan", access.EvaluationManage, s.saveEvaluationPlan, "Save formulas and weights over the revision that they were made from: {revision, indicators: [{key, name, numerator, denominator, low?}], weights: [{indicator, points}]}"},
		{"POST /api/v1/evaluation/recount", access.EvaluationManage, s.recount, "Count all cases anew, after rows were brought in by other ways than the log"},
		{"GET /catalogue", access.CaseRead, s.cataloguePage, ""},
		{"GET /evaluation", access.EvaluationRead, s.evaluationPage, ""},

		{"GET /api/v1/map", access.MapRead, s.mapInfo, "Extent and layers of the map"},
		{"GET /api/v1/grids", access.MapRead, s.grids, "All grids, without their geometry"},
		{"GET /api/v1/grids/coverage", access.MapRead, s.coverage, "What is wrong with the grids, as GeoJSON, the largest first: min_m2, limit"},
		{"POST /api/v1/grids/coverage/close", access.GridManage, s.closeSlivers, "Close slivers of at most {limit_m2}; gridwall import undo takes it back"},
		{"POST /api/v1/grids/versions/try", access.GridManage, s.tryGrids, "What a draft of other grids comes to: {cells: [{code, geometry}], plan: {parent, kind?, cells: [{geometry, name?, households?}]}, splits: [{code, line, names}], merges: [{codes, name}]}; nothing is written"},
		{"POST /api/v1/grids/versions", access.GridManage, s.saveGrids, "Save a draft as a version: {cells, plan, splits, merges, valid_from?, note?}; one of a later day comes into force then"},
		{"GET /api/v1/grids/versions", access.MapRead, s.gridVersions, "The versions of the grids, the newest first"},
		{"GET /api/v1/grids/{code}/design", access.GridManage, s.designGrids, "Cells proposed for a community, along its streets, with least to most households (200 to 500): geometries for the plan of a draft; nothing is written"},
		{"GET /api/v1/grids/{code}/past", access.MapRead, s.gridPast, "What a grid was in earlier versions"},
		{"GET /api/v1/grids/{code}", access.MapRead, s.gridCard, "A grid's card: officers, buildings, cameras, open cases by light"},
		{"GET /api/v1/grids/{code}/sight", access.MapRead, s.gridSight, "Which share of a grid's open ground no camera sees, where that is (blind), which share of its streets and building fronts is seen, and the one more camera that would help most: step_m, time (day, night)"},
		{"GET /api/v1/locate", access.MapRead, s.locate, "The grids of a point: lon, lat"},
		{"POST /api/v1/locate", access.MapRead, s.locateMany, "The grids of up to 10,000 points: {points: [[lon, lat]]}; for one outside, the nearest within 50 m"},
		{"GET /api/v1/search", access.MapRead, s.search, "Find grids, buildings, cameras and cases: q"},
		{"GET /api/v1/geocode", access.MapRead, s.geocode, "What an address means, each with a score from 0 to 1: q, limit"},
		{"GET /api/v1/buildings/{id}", access.MapRead, s.getBuilding, "A building: floors, stairways, dwellings, height"},
		{"GET /api/v1/buildings/nearest", access.MapRead, s.nearestBuildings, "Buildings around a point, the nearest first: lon, lat, limit, reach_m"},
		{"GET /tiles/{file}", access.MapRead, s.tileJSON, "TileJSON of a layer: {layer}.json"},
		{"GET /tiles/{layer}/{z}/{x}/{file}", access.MapRead, s.tile, "A vector tile: {y}.mvt"},

		{"GET /basemap/{z}/{x}/{y}", access.MapRead, s.basemapTile, "A picture of the base map that lies under the layers; where one is configured"},
		{"GET /api/v1/export/{file}", access.MapRead, s.export, "A layer as a file: {grids, buildings, cameras or cases}.{geojson, gpkg or csv}; level, datum"},
		{"GET /ogc", access.MapRead, s.ogcLanding, "OGC API Features: landing page"},
		{"GET /ogc/{$}", access.MapRead, s.ogcLanding, ""},
		{"GET /ogc/conformance", access.MapRead, s.ogcConformance, "OGC API Features: what it conforms to"},
		{"GET /ogc/collections", access.MapRead, s.ogcCollections, "OGC API Features: grids, buildings, cameras and cases, by rights"},
		{"GET /ogc/collections/{collection}", access.MapRead, s.ogcCollection, "OGC API Features: one collection"},
		{"GET /ogc/collections/{collection}/items", access.MapRead, s.ogcItems, "OGC API Features: items; bbox, bbox-crs, crs, datetime, limit, after, level, datum"},
		{"GET /ogc/collections/{collection}/items/{item}", access.MapRead, s.ogcItem, "OGC API Features: one item"},

		{"GET /api/v1/cameras", access.MapRead, s.listCameras, "All cameras and their states"},
		{"POST /api/v1/cameras", access.CameraManage, s.saveCamera, "Add a camera or change the one of that id"},
		{"GET /api/v1/cameras/{id}/view", access.MapRead, s.cameraView, "The ground that a camera sees, cut by the buildings: a MultiPolygon"},
		{"POST /api/v1/cases/{id}/cameras/{camera}", access.CaseMove, s.answerSight, "Say whether a camera shows a case's place: {sees: true, false, or null to take it back}"},
		{"GET /api/v1/cameras/near", access.MapRead, s.nearCameras, "Cameras around a point, ranked, each with its reason: lon, lat, limit"},
		{"GET /api/v1/cameras/registry", access.CameraManage, s.listRegistry, "The registry without credentials: state, group, purpose, enabled, q (pinyin too)"},
		{"GET /api/v1/cameras/{id}/record", access.CameraManage, s.registryRecord, "One camera of the registry, without credentials"},
		{"POST /api/v1/cameras/bulk", access.CameraManage, s.bulkCameras, "Do one thing to many cameras: {ids, action: enable, disable, pin, unpin, group, relay, sub or remove, value}"},
		{"POST /api/v1/cameras/discover", access.CameraManage, s.discoverDevices, "Look for ONVIF devices for 3 s: {at} asks one host, without it all of the server's own network"},
		{"POST /api/v1/cameras/device", access.CameraManage, s.askDevice, "Ask an ONVIF device what it is and how it is played: {address, username, password}"},
		{"GET /api/v1/relays", access.CameraManage, s.relays, "The relays that pull cameras beside the centre, and whether they are heard"},
		{"POST /api/v1/cameras/import", access.CameraManage, s.importCameras, "Import a CSV, Excel, GeoJSON, GeoPackage, KML or shapefile list: the file as body; name, datum, encoding, dry_run, columns; answers lines of JSON, {done, of} and last {report}"},
		{"GET /api/v1/cameras/export.csv", access.CameraManage, s.exportCameras, "The registry as CSV with the headings that the import reads: headings=zh or en (GB/T 28181)"},
		{"DELETE /api/v1/cameras/{id}", access.CameraManage, s.removeCamera, "Remove a camera; its history stays"},
		{"POST /api/v1/cameras/sweep", access.CameraManage, s.sweepCameras, "Look at the pictures of every camera now; states come over /live"},
		{"GET /api/v1/cameras/availability", access.CameraManage, s.strips, "How every camera was in its last hours: hours (24)"},
		{"POST /api/v1/cameras/{id}/test", access.CameraManage, s.testCamera, "Look at a camera's pictures and say what was found: codec, size, rate, keyframes, sound, clock"},
		{"GET /api/v1/cameras/{id}/availability", access.CameraManage, s.availability, "How a camera was: from, to (default the last 7 days)"},
		{"GET /cameras", access.CameraManage, s.camerasPage, ""},
		{"GET /api/v1/cameras/{id}/changes", access.CameraManage, s.cameraChanges, "Who changed what of a camera, the last first: before, limit"},
		{"GET /api/v1/cameras/{id}", access.MapRead, s.getCamera, "One camera"},
		{"GET /api/v1/cameras/{id}/snapshot.jpg", access.CameraPlay, s.snapshot, "The camera's last keyframe: a JPEG where ffmpeg is installed, else a film of one picture (video/mp4)"},
		{"GET /api/v1/cameras/{id}/ptz", access.CameraPTZ, s.showHead, "A PTZ camera's head: who drives, where it looks, its presets, its no-look sectors"},
		{"POST /api/v1/cameras/{id}/ptz", access.CameraPTZ, s.turnHead, "Turn a head: {take, take_over, release, stop, goto, save: {name, token?}, look: {lon, lat} or to: {bearing_deg, tilt_deg, zoom}}; one driver at a time"},
		{"GET /api/v1/cameras/{id}/ptz/drive", access.CameraPTZ, s.driveHead, "Websocket to drive a head: the same commands, and {move: {pan, tilt, zoom}} from -1 to 1 every 60 ms; 220 ms without one stops it"},
		{"GET /api/v1/cameras/{id}/ptz/mount", access.CameraManage, s.getMount, "How a head is mounted"},
		{"PUT /api/v1/cameras/{id}/ptz/mount", access.CameraManage, s.saveMount, "Say how a head is mounted: {address, zero_deg, pan_deg, tilt_low_deg, tilt_high_deg, speed_deg, no_look: [{name, from_deg, to_deg, low_deg, high_deg}]}"},
		{"GET /api/v1/audit", access.AuditRead, s.readAudit, "Who did what, the newest first: object, username, act, from, to, limit"},
		{"POST /api/v1/audit/walls", access.AuditRead, s.proveWalls, "Have a wall ask for everything that walls may, and look for numbers of persons in the answers; the result is on the audit"},
		{"GET /api/v1/audit.csv", access.AuditRead, s.exportAudit, "The audit as CSV, the newest first: object, username, act, from, to"},
		{"GET /audit", access.AuditRead, s.auditPage, ""},
		{"POST /api/v1/cameras/{id}/links", access.CameraPlay, s.playLink, "Addresses of a camera's pictures for players that do not sign in, each with a token for this camera that expires: {ttl_s?}; RTSP, HLS, WHEP, MSE"},
		{"POST /streams/{id}/whep", access.CameraPlay, s.whepPlay, "Play a camera over WebRTC (WHEP)"},
		{"DELETE /streams/{id}/whep/{session}", access.CameraPlay, s.whepEnd, "End a WHEP session"},
		{"GET /streams", access.CameraPlay, s.pagePlay, "Play many cameras over one websocket: send {subscribe: [{stream, id, profile, priority, visible, sound}], unsubscribe: [stream]}"},
		{"GET /streams/{id}/mse", access.CameraPlay, s.msePlay, "Play a camera over a websocket for Media Source Extensions: sound=1 for its AAC"},
		{"GET /streams/{id}/hls/{file}", access.CameraPlay, s.hlsPlay, "Play a camera as Low-Latency HLS: index.m3u8"},

		{"GET /live", access.SessionRead, s.live, "Websocket of events: since, audience, topics"},
		{"POST /api/v1/positions", access.PositionReport, s.reportPosition, "Tell where one is: {lon, lat}"},
		{"GET /api/v1/walls/{id}", access.WallRead, s.getWall, "What a wall shows"},
		{"PUT /api/v1/walls/{id}", access.WallDrive, s.saveWall, "Change what a wall shows"},

		{"GET /api/v1/walls/{id}/show", access.WallRead, s.showing, "What each screen of a wall shows, who drives it, what its screens said last"},
		{"POST /api/v1/walls/{id}/show", access.WallDrive, s.driveWall, "Drive a wall: {take, take_over, release, screen?, scene} or {screen?, tile, content: {kind, camera, case, cameras, show, dwell_s, pinned}}; all screens change together at switch_at"},
		{"GET /api/v1/scenes", access.WallRead, s.scenes, "The scenes that walls can show"},
		{"PUT /api/v1/scenes/{id}", access.WallDrive, s.saveScene, "Save a scene over the revision that it was made from, 0 for a new one: {revision, title, layout, tiles: [{id, at: [x, y, w, h] of 240 by 120, wide?, content}]}"},
		{"DELETE /api/v1/scenes/{id}", access.WallDrive, s.removeScene, "Remove a scene"},
		{"POST /api/v1/walls/{id}/screens/{screen}", access.WallRead, s.screenBeat, "Heartbeat of a wall's screen, every 3 s: {fps?, report?: what it shows, at most 16 KiB}; without one for 8 s the screen is an alarm"},

		{"GET /api/v1/alarms", access.AlarmRead, s.listAlarms, "The alarms that stand, the most pressing first, and the flood: state, priority, rule, source, grid"},
		{"POST /api/v1/alarms", access.AlarmReport, s.reportAlarm, "What a sensor says: {key, active, title, rule?, priority?, detail?, location?}; Idempotency-Key makes a repeated report the same report"},
		{"POST /api/v1/alarms/sos", access.AlarmSOS, s.sos, "An officer calls for help: {lon, lat}, or {active: false} when it is over"},
		{"GET /api/v1/alarms/check", access.AlarmRead, s.checkAlarms, "Self-check of the alarms against EEMUA 191: from, to (default the last 24 hours)"},
		{"GET /api/v1/alarms/{id}", access.AlarmRead, s.getAlarm, "One alarm with its history"},
		{"POST /api/v1/alarms/{id}/moves", access.AlarmAct, s.moveAlarm, "Make a move: {move: acknowledge, shelve, unshelve, out_of_service, return_to_service or clear, reason?, until?}"},

		{"POST /api/v1/enrolments", open, s.enrol, "A screen asks to become a wall's: gives the code that it shows and the secret that it asks with"},
		{"POST /api/v1/enrolments/collect", open, s.collect, "The screen asks with its {secret}: 202 until its code was typed in, then the wall, and the device's cookie"},
		{"GET /api/v1/enrolments/{code}", access.DeviceManage, s.waiting, "The screen that shows a code: from where, since when"},
		{"POST /api/v1/enrolments/{code}", access.DeviceManage, s.admit, "Let it in: {device, wall, screen?}; a device of the same name is void"},
		{"DELETE /api/v1/enrolments/{code}", access.DeviceManage, s.refuseEnrolment, "Send it away"},
		{"GET /api/v1/devices", access.DeviceManage, s.devices, "The devices that come in as walls"},
		{"DELETE /api/v1/devices/{name}", access.DeviceManage, s.revokeDevice, "Void a device's token"},

		{"GET /api/v1/persons", access.PersonRead, s.listPersons, "Records of persons that one answers for, without the persons; 404 persons_off: the site keeps none"},
		{"POST /api/v1/persons", access.PersonManage, s.makePerson, "Make a record: {grid, kind, purpose, owner, review_on?, person: {name, phone?, address?, note?}}"},
		{"GET /api/v1/persons/counts", access.PersonRead, s.countPersons, "How many records by grid and kind; null: fewer than five, or one that would tell such a number"},
		{"POST /api/v1/persons/{id}/open", access.PersonRead, s.openPerson, "The person, to who says what for: {purpose: visit, call, emergency or review}; it is on the audit first"},
		{"POST /api/v1/persons/{id}/review", access.PersonRead, s.reviewPerson, "Say that a record is still needed: {review_on?, owner?}, at most a quarter away"},
		{"DELETE /api/v1/persons/{id}", access.PersonRead, s.removePerson, "Delete a record"},
		{"GET /persons", access.PersonRead, s.personsPage, ""},

		{"PUT /api/v1/clock", access.ClockSet, s.setClock, "Stop the clock at {now}; only where the server was started with a settable clock"},
		{"DELETE /api/v1/clock", access.ClockSet, s.releaseClock, "Let the clock go with the machine again"},

		{"GET /{$}", access.SessionRead, s.desk, ""},
		{"GET /leader", access.CaseRead, s.leaderPage, ""},
		{"GET /alarms", access.AlarmRead, s.alarmsPage, ""},
		{"GET /walls", access.WallDrive, s.wallsPage, ""},
		{"GET /wall/{id}", open, s.wallPage, ""}, // opens with ?token=, checks the rest itself
		{"GET /login", open, s.loginPage, ""},
		{"GET /login/oidc", open, s.toProvider, ""},
		{"GET " + oidc.CallbackPath, open, s.fromProvider, ""},
		{"GET /screen", open, s.screenPage, ""},
		{"GET /enrol", access.DeviceManage, s.enrolPage, ""},
		{"GET /account", access.SessionRead, s.accountPage, ""},
		{"GET /static/", open, s.static, ""},
		{"GET /favicon.ico", open, s.static, ""},
	}
}

// New assembles the server. ctx ends its websockets.
func New(ctx context.Context, config Config) *Server {
	s := newServer(ctx, config)
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), s.requests, s.seconds, s.Hub, s.Writer, s.Live.Hub,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "gridwall_database_connections", Help: "Connections of the pool in use."}, func() float64 { return float64(s.Pool.Stat().AcquiredConns()) }),
	)
	return s
}

func newServer(ctx context.Context, config Config) *Server {
	s := &Server{Config: config, ctx: ctx, registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "gridwall_http_requests_total", Help: "Requests answered."}, []string{"route", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "gridwall_http_request_duration_seconds", Help: "Time to answer a request.",
			Buckets: []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 5}}, []string{"route"}),
	}
	s.failures.burst, s.failures.every = 30, 2*time.Second
	s.enrolments.burst, s.enrolments.every = 20, 10*time.Second
	s.heavy.burst, s.heavy.every = 120, time.Second
	return s
}

// Handler is the whole site.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	routes := s.routes
	if s.relay {
		routes = s.relayRoutes
	}
	for _, r := range routes() {
		mux.Handle(r.pattern, s.guard(r))
	}
	mux.Handle("/", s.unmatched(mux))
	if s.relay {
		return patient(bodyWithin, takenWithin, behind(s.Proxies, s.headers(forPages(mux))))
	}
	return patient(bodyWithin, takenWithin, behind(s.Proxies, s.headers(http.NewCrossOriginProtection().Handler(mux))))
}

// unmatched answers where the table has no line: the address knows other methods, or nobody knows it.
func (s *Server) unmatched(mux *http.ServeMux) http.Handler {
	unknown := s.guard(route{"/", access.SessionRead, func(http.ResponseWriter, *http.Request, access.Identity) error { return errNoRoute }, ""})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allow []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" {
				allow = append(allow, method)
			}
		}
		if allow == nil {
			unknown.ServeHTTP(w, r)
			return
		}
		s.guard(route{"/", open, func(http.ResponseWriter, *http.Request, access.Identity) error {
			return &methodError{strings.Join(allow, ", ")}
		}, ""}).ServeHTTP(w, r)
	})
}

// headers are those of every answer. Pages may reach this server and the site's relays.
func (s *Server) headers(next http.Handler) http.Handler {
	const policy = "default-src 'self'; img-src 'self' data: blob:%s; media-src 'self' blob:; style-src 'self'; worker-src 'self' blob:; connect-src 'self'%s; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		connect, pictures := s.connectable()
		h.Set("Content-Security-Policy", fmt.Sprintf(policy, pictures, connect))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		h.Set("Permissions-Policy", "camera=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if secure(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// answerWithin bounds a request of the API: a database that does not answer must not keep its callers for ever.
const answerWithin = 30 * time.Second

const (
	// bodyWithin bounds how long a request may take to arrive, takenWithin how long its answer may take to be read.
	bodyWithin  = time.Minute
	takenWithin = 10 * time.Minute
)

// costly are the routes that have a budget for each account.
var costly = map[string]bool{
	"POST /api/v1/audit/walls":  true,
	"GET /api/v1/export/{file}": true, "GET /api/v1/cameras/export.csv": true, "POST /api/v1/cameras/import": true,
	"POST /api/v1/cameras/sweep": true, "POST /api/v1/cameras/{id}/test": true, "POST /api/v1/cameras/discover": true, "POST /api/v1/cameras/device": true, "GET /api/v1/grids/{code}/sight": true,
}

// guard finds out who asks, holds the route's right, and answers for the handler what went wrong.
func (s *Server) guard(r route) http.Handler {
	_, path, _ := strings.Cut(r.pattern, " ")
	label := cmp.Or(path, r.pattern)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		started := time.Now()
		answer := &recorder{ResponseWriter: w, code: http.StatusOK}
		if strings.HasPrefix(label, "/api/") {
			ctx, cancel := context.WithTimeout(req.Context(), answerWithin)
			defer cancel()
			req = req.WithContext(ctx)
		}
		err := s.answer(answer, req, r)
		if err != nil {
			s.problem(answer, req, err)
		}
		s.requests.WithLabelValues(label, strconv.Itoa(answer.code)).Inc()
		if !answer.hijacked {
			s.seconds.WithLabelValues(label).Observe(time.Since(started).Seconds())
		}
	})
}

func (s *Server) answer(w http.ResponseWriter, req *http.Request, r route) error {
	if !s.relay && foreignSocket(req) {
		return live.ErrOrigin
	}
	who := access.Identity{}
	if r.right != open {
		var err error
		if who, err = s.identify(req, r); err != nil {
			return err
		}
		if !who.May(r.right) {
			err = &forbiddenError{who.Role, r.right}
		} else if !s.relay { // the centre has looked when it gave the link
			err = s.keepTo(req, r.pattern, who)
		}
		if err != nil {
			s.tellRefusal(who, req, r.pattern, err)
			return err
		}
		if now := time.Now(); costly[r.pattern] {
			if wait, ok := s.heavy.left(who.Username, now); !ok {
				return &tooManyError{wait}
			}
			s.heavy.spend(who.Username, now)
		}
	}
	if r.right != open && !who.May(access.NumbersRead) && !strings.EqualFold(req.Header.Get("Upgrade"), "websocket") {
		masked := &masker{ResponseWriter: w}
		defer masked.end()
		w = masked
	}
	err := r.handle(w, req, who)
	if err != nil {
		s.tellRefusal(who, req, r.pattern, err)
	} else {
		s.tellDone(who, req, r.pattern)
	}
	return err
}

// identify says who asks: a link's token speaks for its own camera's pictures and for nothing else.
func (s *Server) identify(req *http.Request, r route) (access.Identity, error) {
	_, path, _ := strings.Cut(r.pattern, " ")
	if token := req.URL.Query().Get("token"); token != "" && (s.relay && strings.Contains(path, "/{id}/") || r.right == access.CameraPlay && strings.HasPrefix(path, "/streams/{id}/")) {
		return s.Access.Follow(req.Context(), token, req.PathValue("id"))
	}
	return s.Access.Identify(req)
}

// writeJSON answers 200 with a value.
func writeJSON(w http.ResponseWriter, value any) error { return writeJSONCode(w, http.StatusOK, value) }

func writeJSONCode(w http.ResponseWriter, code int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(text) // the client may be gone; there is nobody to tell
	return nil
}

// queryFloat reads a number of the query.
func queryFloat(r *http.Request, name string) (float64, error) {
	v, err := strconv.ParseFloat(r.URL.Query().Get(name), 64)
	if err != nil || v != v {
		return 0, badRequest("query_invalid", fmt.Sprintf("参数 %s 应为数字", name), fmt.Sprintf("query parameter %s must be a number", name))
	}
	return v, nil
}

// queryInt reads a whole number of the query between least and most; absent, it is what is given.
func queryInt(r *http.Request, name string, absent, least, most int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return absent, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < least || v > most {
		return 0, badRequest("query_invalid", fmt.Sprintf("参数 %s 应为 %d 至 %d 的整数", name, least, most), fmt.Sprintf("query parameter %s must be a whole number from %d to %d", name, least, most))
	}
	return v, nil
}

func (s *Server) metrics(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	return nil
}
