package api

import (
	"fmt"
	"net/http"

	"github.com/paulmach/orb/geojson"

	"gridwall/dashboard/access"
	"gridwall/geo/grid"
)

// maxDraft is the largest draft: some ten thousand corners.
const maxDraft = 4 << 20

// cellOut is a cell with its outline.
type cellOut struct {
	Code     grid.Code        `json:"code"`
	Name     string           `json:"name"`
	Geometry geojson.Geometry `json:"geometry"`
}

func cellsOf(cells []*grid.Cell) []cellOut {
	out := make([]cellOut, len(cells))
	for i, c := range cells {
		out[i] = cellOut{c.Code, c.Name, *geojson.NewGeometry(c.Geometry)}
	}
	return out
}

func faultsOf(faults []grid.Fault) []faultOut {
	out := []faultOut{}
	for _, f := range faults {
		out = append(out, faultOf(f))
	}
	return out
}

// tryGrids says what a draft comes to; nothing is written.
func (s *Server) tryGrids(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	var d grid.Draft
	if err := decode(w, r, maxDraft, &d); err != nil {
		return err
	}
	o, err := s.Grids.Try(r.Context(), &d)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"faults": map[string]any{"type": "FeatureCollection", "features": faultsOf(o.Faults)},
		"added": cellsOf(o.Added), "changed": cellsOf(o.Changed), "retired": o.Retired})
}

// proposedOut is a cell that is proposed; within: it has as many households as it should.
type proposedOut struct {
	Name       string           `json:"name"`
	Households int              `json:"households"`
	Buildings  int              `json:"buildings"`
	Within     bool             `json:"within"`
	Geometry   geojson.Geometry `json:"geometry"`
}

// designGrids proposes cells for a community; nothing is written.
func (s *Server) designGrids(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	cell := s.Places.Grids().Cell(r.PathValue("code"))
	if cell == nil {
		return errNoRoute
	}
	least, err := queryInt(r, "least", 200, 0, 100_000)
	if err != nil {
		return err
	}
	most, err := queryInt(r, "most", 500, 1, 100_000)
	if err != nil {
		return err
	}
	all, err := s.Grids.Design(r.Context(), cell, int(least), int(most))
	if err != nil {
		return err
	}
	cells := make([]proposedOut, len(all))
	for i, p := range all {
		cells[i] = proposedOut{fmt.Sprintf("%s第%d网格", cell.Name, i+1), p.Households, p.Buildings, p.Within(int(least), int(most)), *geojson.NewGeometry(p.Geometry)}
	}
	return writeJSON(w, map[string]any{"parent": cell.Code, "least": least, "most": most, "cells": cells})
}

func (s *Server) saveGrids(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	var in struct {
		grid.Draft
		ValidFrom string `json:"valid_from"`
		Note      string `json:"note"`
	}
	if err := decode(w, r, maxDraft, &in); err != nil {
		return err
	}
	if len([]rune(in.Note)) > 500 {
		return badRequest("note_too_long", "说明不超过 500 字", "a note has at most 500 characters")
	}
	saved, err := s.Grids.Save(r.Context(), &in.Draft, in.ValidFrom, in.Note, who.Username)
	if err != nil {
		return err
	}
	return writeJSONCode(w, http.StatusCreated, saved)
}

func (s *Server) gridVersions(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Grids.Versions(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"versions": list})
}

func (s *Server) gridPast(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	list, err := s.Grids.Past(r.Context(), r.PathValue("code"))
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"past": list})
}
