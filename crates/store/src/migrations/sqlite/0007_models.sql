-- Names of models that roll-ups of a day tell apart. See `events/models.rs`.
CREATE TABLE usage_models (
    day INTEGER NOT NULL,          -- when it began
    credential TEXT NOT NULL,      -- whose calls named it; empty where there is none
    answered INTEGER NOT NULL,     -- 1 for calls with a status below 400, 0 for all others
    model TEXT NOT NULL,
    PRIMARY KEY (day, credential, answered, model)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_models
    SELECT DISTINCT usage_rollups.start, credential, status BETWEEN 1 AND 399, model
    FROM usage_rollups JOIN usage_series USING (series)
    WHERE span = 86400 AND model <> '';
