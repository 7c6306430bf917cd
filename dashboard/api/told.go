package api

import (
	"net/http"

	"gridwall/dashboard/access"
)

// told are the routes whose success is on the audit, each with the word for it. Plays and the heads of cameras write their
// own entries, with their ends; a report is a case and its event. A lookup that shows no person and changes nothing is not told.
var told = map[string]string{
	"POST /api/v1/session/password":           "account.change",
	"DELETE /api/v1/sessions/{id}":            "session.out",
	"DELETE /api/v1/sessions":                 "session.out",
	"POST /api/v1/session/factor/confirm":     "factor.set",
	"POST /api/v1/session/factor/remove":      "factor.remove",
	"POST /api/v1/enrolments/{code}":          "device.make",
	"DELETE /api/v1/devices/{name}":           "device.remove",
	"GET /api/v1/cases/{id}":                  "case.view",
	"POST /api/v1/cases/{id}/moves":           "case.move",
	"POST /api/v1/photos":                     "photo.upload",
	"GET /api/v1/photos/{id}":                 "photo.view",
	"GET /api/v1/grids/{code}":                "grid.card",
	"GET /api/v1/export/{file}":               "export",
	"GET /ogc/collections/{collection}/items": "export",
	"GET /api/v1/cameras/export.csv":          "export",
	"GET /api/v1/audit.csv":                   "export",
	"GET /api/v1/audit":                       "audit.read",
	"POST /api/v1/grids/coverage/close":       "grid.change",
	"POST /api/v1/grids/versions":             "grid.change",
	"POST /api/v1/cameras":                    "camera.change",
	"POST /api/v1/cameras/bulk":               "camera.change",
	"POST /api/v1/cameras/import":             "camera.change",
	"DELETE /api/v1/cameras/{id}":             "camera.change",
	"PUT /api/v1/cameras/{id}/ptz/mount":      "camera.change",
	"GET /api/v1/cameras/{id}/snapshot.jpg":   "camera.still",
	"POST /api/v1/cameras/{id}/links":         "camera.link",
	"PUT /api/v1/walls/{id}":                  "wall.change",
	"POST /api/v1/alarms/{id}/moves":          "alarm.move",
	"POST /api/v1/alarms/sos":                 "alarm.sos",
	"PUT /api/v1/clock":                       "clock.set",
	"DELETE /api/v1/clock":                    "clock.set",
	"DELETE /api/v1/session":                  "session.out",
}

// tellDone writes what succeeded on the audit. A wall shows cases and stills all day: what it shows is on its own record.
func (s *Server) tellDone(who access.Identity, r *http.Request, pattern string) {
	act, ok := told[pattern]
	if !ok || who.Role == access.Wall {
		return
	}
	object := r.URL.Path
	for _, name := range []string{"id", "code", "file", "collection", "name"} {
		if v := r.PathValue(name); v != "" {
			object = v
			break
		}
	}
	s.Plays.Note(who, act, object, map[string]string{"route": pattern, "from": host(r)})
}
