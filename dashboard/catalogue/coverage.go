package catalogue

// Coverage says for each class of the list and each grid who answers.
type Coverage struct {
	Departments []string  `json:"departments"` // codes
	Rows        []Covered `json:"rows"`
	Cells       int       `json:"cells"`
	Empty       int       `json:"empty"` // cells for which nobody answers
}

// Covered is the row of a class: for each grid the place in Coverage.Departments, -1 where nobody answers.
type Covered struct {
	Class string `json:"class"`
	Cells []int  `json:"cells"`
	Own   []int  `json:"own"` // the grids, by their place, that have a rule of their own
	All   string `json:"all"` // the department that answers where no grid says otherwise; empty: none
}

// Coverage is that of the listed classes over grids; path gives the codes of a grid and of those above it, the smallest
// first. A cell is never double: the nearest grid decides.
func (r *Room) Coverage(grids []string, path func(grid string) []string) *Coverage {
	l := r.now.Load()
	c := &Coverage{Departments: []string{}, Rows: []Covered{}}
	place := map[string]int{}
	paths := make([][]string, len(grids))
	for i, g := range grids {
		paths[i] = path(g)
	}
	for _, class := range l.editions[Edition] {
		if !class.Listed {
			continue
		}
		row := Covered{Class: class.Code, Cells: make([]int, len(grids)), Own: []int{}, All: l.duties[duty{Edition, class.Code, ""}]}
		for i := range grids {
			department, grid, ok := r.Duty(Edition, class.Code, paths[i])
			c.Cells++
			if !ok {
				c.Empty++
				row.Cells[i] = -1
				continue
			}
			if _, seen := place[department]; !seen {
				place[department] = len(c.Departments)
				c.Departments = append(c.Departments, department)
			}
			row.Cells[i] = place[department]
			if grid == grids[i] {
				row.Own = append(row.Own, i)
			}
		}
		c.Rows = append(c.Rows, row)
	}
	return c
}
