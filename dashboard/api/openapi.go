package api

import (
	"net/http"
	"regexp"
	"strings"

	"gridwall/dashboard/access"
)

var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// openAPI writes the route table as an OpenAPI 3.1 document.
func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request, _ access.Identity) error {
	type object = map[string]any
	failure := object{"description": "what is wrong, with a stable code", "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
	paths := map[string]object{}
	for _, r := range s.routes() {
		if r.about == "" {
			continue
		}
		method, path, _ := strings.Cut(r.pattern, " ")
		operation := object{"summary": r.about, "responses": object{"2XX": object{"description": "done"}, "default": failure}}
		var parameters []object
		for _, name := range pathParameter.FindAllStringSubmatch(path, -1) {
			parameters = append(parameters, object{"name": name[1], "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		if parameters != nil {
			operation["parameters"] = parameters
		}
		if r.right == open {
			operation["security"] = []object{}
		} else {
			operation["x-right"] = r.right
		}
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(method)] = operation
	}
	text := object{"type": "string"}
	return writeJSON(w, object{
		"openapi": "3.1.0",
		"info":    object{"title": "Gridwall", "version": "1", "description": "Errors are RFC 9457 problem+json. Times are RFC 3339 in UTC, positions longitude and latitude in degrees, WGS-84."},
		"paths":   paths,
		"components": object{
			"schemas": object{"Problem": object{"type": "object", "required": []string{"title", "status", "code", "detail"},
				"properties": object{"type": text, "title": text, "status": object{"type": "integer"}, "code": text, "detail": text}}},
			"securitySchemes": object{
				"session": object{"type": "apiKey", "in": "cookie", "name": access.SessionCookie},
				"token":   object{"type": "http", "scheme": "bearer"},
			},
		},
		"security": []object{{"session": []string{}}, {"token": []string{}}},
	})
}
