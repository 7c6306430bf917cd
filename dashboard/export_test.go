package dashboard

import "gridwall/dashboard/api"

// Table is the route table, for the test of the rights.
func (d *Dashboard) Table() []api.Line { return d.api.Table() }
