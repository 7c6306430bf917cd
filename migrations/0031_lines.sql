-- Which departments a case is shown to: those that it is or was with, those of its parts and of the case that it is a part of;
-- '*': every department may claim such a case, and sees it.
ALTER TABLE case_file ADD COLUMN lines text[] NOT NULL DEFAULT '{}';

UPDATE case_file AS c SET lines = f.lines
FROM (
    SELECT id, array_agg(DISTINCT department ORDER BY department) AS lines
    FROM (
        SELECT id, department FROM case_file WHERE department IS NOT NULL
        UNION SELECT case_id, department FROM case_move WHERE department IS NOT NULL
        UNION SELECT m.case_id, a.department FROM case_move AS m JOIN account AS a ON a.id = m.account WHERE a.department IS NOT NULL
        UNION SELECT parent, department FROM case_file WHERE parent IS NOT NULL AND department IS NOT NULL
        UNION SELECT s.id, p.department FROM case_file AS s JOIN case_file AS p ON p.id = s.parent WHERE p.department IS NOT NULL
        UNION SELECT id, '*' FROM case_file WHERE flow IN ('claim', 'wish', 'resource')
    ) AS one
    GROUP BY id
) AS f
WHERE f.id = c.id;

CREATE INDEX case_file_lines ON case_file USING gin (lines) WHERE lines <> '{}';
