-- Names of models that roll-ups of a day tell apart. See `events/models.rs`.
CREATE TABLE usage_models (
    day BIGINT NOT NULL,  -- when it began
    credential TEXT COLLATE "C" NOT NULL,  -- whose calls named it; empty where there is none
    answered BIGINT NOT NULL,  -- 1 for calls with a status below 400, 0 for all others
    model TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (day, credential, answered, model)
);

INSERT INTO usage_models
    SELECT DISTINCT usage_rollups.start, credential, CASE WHEN status BETWEEN 1 AND 399 THEN 1 ELSE 0 END, model
    FROM usage_rollups JOIN usage_series USING (series)
    WHERE span = 86400 AND model <> '';
