package api

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"gridwall/dashboard/access"
	"gridwall/dashboard/persons"
)

func (s *Server) personsPage(w http.ResponseWriter, r *http.Request, _ access.Identity) error {
	if !s.Persons.On() {
		return persons.ErrOff
	}
	return s.page(w, r, "persons.html")
}

func (s *Server) listPersons(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	list, err := s.Persons.List(r.Context(), who)
	if err != nil {
		return err
	}
	answer := map[string]any{"persons": list, "kinds": persons.Kinds, "purposes": persons.Purposes}
	if who.May(access.PersonManage) {
		if answer["owners"], err = s.Persons.Owners(r.Context(), who); err != nil {
			return err
		}
	}
	return writeJSON(w, answer)
}

func (s *Server) countPersons(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	counts, err := s.Persons.Counts(r.Context(), who)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"counts": counts, "least": persons.Least})
}

func (s *Server) makePerson(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	if !s.Persons.On() {
		return persons.ErrOff
	}
	var in struct {
		Grid, Kind, Purpose, Owner string
		ReviewOn                   string `json:"review_on"`
		Person                     persons.Person
	}
	if err := decode(w, r, 16<<10, &in); err != nil {
		return err
	}
	made, err := s.Persons.Make(r.Context(), who, persons.Draft{Grid: in.Grid, Kind: in.Kind, Purpose: in.Purpose, Owner: in.Owner, ReviewOn: in.ReviewOn, Person: in.Person})
	if err != nil {
		return err
	}
	w.Header().Set("Location", fmt.Sprintf("/api/v1/persons/%d", made.ID))
	return writeJSONCode(w, http.StatusCreated, made)
}

// record hands {id} to what is done with it; one of somebody else is refused as outside the jurisdiction, which is on the audit.
func (s *Server) record(r *http.Request, do func(id int64) error) error {
	if !s.Persons.On() {
		return persons.ErrOff
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return fmt.Errorf("record %q: %w", r.PathValue("id"), persons.ErrNotFound)
	}
	if err = do(id); errors.Is(err, persons.ErrForeign) {
		return &outsideError{fmt.Sprintf("record %d", id)}
	}
	return err
}

func (s *Server) openPerson(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	return s.record(r, func(id int64) error {
		var in struct{ Purpose string }
		if err := decode(w, r, 1<<10, &in); err != nil {
			return err
		}
		person, err := s.Persons.Open(r.Context(), who, id, in.Purpose, host(r))
		if err != nil {
			return err
		}
		w.Header().Set("Cache-Control", "no-store")
		return writeJSON(w, map[string]any{"person": person})
	})
}

func (s *Server) reviewPerson(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	return s.record(r, func(id int64) error {
		var in struct {
			ReviewOn string `json:"review_on"`
			Owner    string
		}
		if err := decode(w, r, 1<<10, &in); err != nil {
			return err
		}
		reviewed, err := s.Persons.Review(r.Context(), who, id, in.ReviewOn, in.Owner)
		if err != nil {
			return err
		}
		return writeJSON(w, reviewed)
	})
}

func (s *Server) removePerson(w http.ResponseWriter, r *http.Request, who access.Identity) error {
	return s.record(r, func(id int64) error {
		if err := s.Persons.Remove(r.Context(), who, id); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}
