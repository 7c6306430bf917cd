-- The numbers that a flow declares for its cases: money, people, areas.
ALTER TABLE case_file ADD COLUMN fields jsonb CHECK (jsonb_typeof(fields) = 'object');
