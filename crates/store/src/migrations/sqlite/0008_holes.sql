-- Days of which events are deleted though they lie in the future of the others. See `events/floors.rs`.
CREATE TABLE usage_holes (
    day INTEGER PRIMARY KEY  -- when it began
) STRICT;
