-- Pictures are 16 : 9 and never cut: places in which four of them fill their tile. Scenes that somebody has changed stay.
UPDATE scene SET body = jsonb_set(body, '{tiles}', '[
    {"id": "map", "at": [0, 0, 150, 82], "wide": [0, 0, 95, 120], "content": {"kind": "map"}},
    {"id": "case", "at": [150, 0, 90, 41], "wide": [95, 0, 55, 60], "content": {"kind": "case"}},
    {"id": "ticker", "at": [150, 41, 90, 41], "wide": [95, 60, 55, 60], "content": {"kind": "ticker"}},
    {"id": "near", "at": [0, 82, 240, 38], "wide": [150, 0, 90, 120], "content": {"kind": "near", "show": 4}}]')
WHERE id = 'event' AND revision = 1;

UPDATE scene SET body = jsonb_set(body, '{tiles}', '[
    {"id": "points", "at": [0, 0, 50, 78], "wide": [0, 0, 36, 78], "content": {"kind": "ticker", "classes": ["10981"]}},
    {"id": "duty", "at": [0, 78, 50, 42], "wide": [0, 78, 36, 42], "content": {"kind": "duty"}},
    {"id": "map", "at": [50, 0, 130, 120], "wide": [36, 0, 114, 120], "content": {"kind": "map"}},
    {"id": "near", "at": [180, 0, 60, 120], "wide": [150, 0, 90, 120], "content": {"kind": "near", "show": 4, "classes": ["10981"]}}]')
WHERE id = 'rain' AND revision = 1;
