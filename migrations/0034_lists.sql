-- The list behind a figure of one grid or one collector is read from its newest case on, not sought among everybody's.
CREATE INDEX case_fact_grid ON case_fact (grid, case_id);
CREATE INDEX case_fact_collector ON case_fact ((collector::text), case_id);
