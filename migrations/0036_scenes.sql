-- On a wide wall the situation had a third of its tile empty, and the ranking no room for its last row. A scene that somebody has
-- changed stays.
UPDATE scene SET body = jsonb_set(body, '{tiles}', '[
    {"id": "situation", "at": [0, 0, 45, 26], "wide": [0, 0, 32, 27], "content": {"kind": "situation"}},
    {"id": "trend", "at": [0, 26, 45, 23], "wide": [0, 27, 32, 32], "content": {"kind": "trend"}},
    {"id": "ranking", "at": [0, 49, 45, 71], "wide": [0, 59, 32, 61], "content": {"kind": "ranking"}},
    {"id": "map", "at": [45, 0, 145, 120], "wide": [32, 0, 118, 120], "content": {"kind": "map"}},
    {"id": "video", "at": [190, 0, 50, 46], "wide": [150, 0, 54, 120], "content": {"kind": "tour", "show": 6}},
    {"id": "ticker", "at": [190, 46, 50, 74], "wide": [204, 0, 36, 120], "content": {"kind": "ticker"}}]')
WHERE id = 'overview' AND revision = 1;
