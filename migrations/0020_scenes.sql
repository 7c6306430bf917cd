-- What walls can show, as data. Tiles lie on a raster of 240 × 120 over the screen below its header; wide ones on screens over 2.4 : 1.
CREATE TABLE scene (
    id       text PRIMARY KEY CHECK (id ~ '^[a-z0-9-]{1,64}$'),
    revision integer NOT NULL DEFAULT 1,
    place    integer NOT NULL DEFAULT 100, -- order in lists
    body     jsonb NOT NULL
);

INSERT INTO scene (id, place, body) VALUES
('overview', 1, '{"title": {"zh": "平时总览", "en": "Overview"}, "layout": "free", "tiles": [
    {"id": "situation", "at": [0, 0, 45, 26], "wide": [0, 0, 32, 42], "content": {"kind": "situation"}},
    {"id": "trend", "at": [0, 26, 45, 23], "wide": [0, 42, 32, 32], "content": {"kind": "trend"}},
    {"id": "ranking", "at": [0, 49, 45, 71], "wide": [0, 74, 32, 46], "content": {"kind": "ranking"}},
    {"id": "map", "at": [45, 0, 145, 120], "wide": [32, 0, 118, 120], "content": {"kind": "map"}},
    {"id": "video", "at": [190, 0, 50, 46], "wide": [150, 0, 54, 120], "content": {"kind": "tour", "show": 6}},
    {"id": "ticker", "at": [190, 46, 50, 74], "wide": [204, 0, 36, 120], "content": {"kind": "ticker"}}]}'),
('patrol', 2, '{"title": {"zh": "视频巡看", "en": "Video patrol"}, "layout": "9", "tiles": [
    {"id": "video", "at": [0, 0, 240, 120], "content": {"kind": "tour", "show": 9}}]}'),
('event', 3, '{"title": {"zh": "事件专题", "en": "Incident"}, "layout": "free", "tiles": [
    {"id": "map", "at": [0, 0, 120, 84], "content": {"kind": "map"}},
    {"id": "case", "at": [0, 84, 60, 36], "content": {"kind": "case"}},
    {"id": "ticker", "at": [60, 84, 60, 36], "content": {"kind": "ticker"}},
    {"id": "near", "at": [120, 0, 120, 120], "content": {"kind": "near", "show": 4}}]}'),
('assessment', 4, '{"title": {"zh": "考核排名", "en": "Assessment"}, "layout": "free", "tiles": [
    {"id": "situation", "at": [0, 0, 80, 27], "content": {"kind": "situation"}},
    {"id": "trend", "at": [0, 27, 80, 41], "content": {"kind": "trend"}},
    {"id": "ticker", "at": [0, 68, 80, 52], "content": {"kind": "ticker"}},
    {"id": "duty", "at": [80, 82, 72, 38], "content": {"kind": "duty"}},
    {"id": "ranking", "at": [80, 0, 72, 82], "content": {"kind": "ranking"}},
    {"id": "map", "at": [152, 0, 88, 120], "content": {"kind": "map"}}]}'),
('emergency', 5, '{"title": {"zh": "应急指挥", "en": "Emergency"}, "layout": "free", "tiles": [
    {"id": "alarm", "at": [0, 0, 100, 72], "content": {"kind": "alarm", "show": 4}},
    {"id": "ticker", "at": [0, 72, 50, 48], "content": {"kind": "ticker", "priorities": ["critical", "urgent"]}},
    {"id": "duty", "at": [50, 72, 50, 48], "content": {"kind": "duty"}},
    {"id": "map", "at": [100, 0, 140, 120], "content": {"kind": "map"}}]}'),
('rain', 6, '{"title": {"zh": "雨季内涝", "en": "Rain and flooding"}, "layout": "free", "tiles": [
    {"id": "points", "at": [0, 0, 50, 78], "content": {"kind": "ticker", "classes": ["10981"]}},
    {"id": "duty", "at": [0, 78, 50, 42], "content": {"kind": "duty"}},
    {"id": "map", "at": [50, 0, 100, 120], "content": {"kind": "map"}},
    {"id": "near", "at": [150, 0, 90, 120], "content": {"kind": "near", "show": 6, "classes": ["10981"]}}]}');

-- What each screen of a wall shows now, and who drives it.
CREATE TABLE wall_show (
    wall     text PRIMARY KEY REFERENCES wall (id) ON DELETE CASCADE,
    revision integer NOT NULL DEFAULT 0,
    screens  jsonb NOT NULL DEFAULT '{}',
    holder   integer REFERENCES account (id),
    held_at  timestamptz
);

-- What a screen says of itself beside its frames a second: scene, ages of frames, drops, texts too small.
ALTER TABLE wall_screen ADD COLUMN report jsonb NOT NULL DEFAULT '{}';
