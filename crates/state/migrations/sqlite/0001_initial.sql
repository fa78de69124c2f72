-- What syncplan remembers between runs. Only types and clauses that SQLite and PostgreSQL share
-- (a BLOB becomes a BYTEA there). Times are milliseconds since 1970. Paths are their bytes, which
-- both databases order as we do.

-- One side of one task as it was last scanned. `source` says of which place and through which
-- filter: facts of another place are never believed.
CREATE TABLE snapshot (
    task TEXT NOT NULL,
    side TEXT NOT NULL,
    source BLOB NOT NULL,
    digest BLOB NOT NULL,
    problems TEXT NOT NULL,
    saved BIGINT NOT NULL,
    PRIMARY KEY (task, side)
);

-- Its entries, some thousand in a row, packed and in order.
CREATE TABLE page (
    task TEXT NOT NULL,
    side TEXT NOT NULL,
    number BIGINT NOT NULL,
    packed BLOB NOT NULL,
    PRIMARY KEY (task, side, number),
    FOREIGN KEY (task, side) REFERENCES snapshot (task, side) ON DELETE CASCADE
);

-- What actions did to that side since. Without facts nothing stands there any more.
CREATE TABLE learned (
    task TEXT NOT NULL,
    side TEXT NOT NULL,
    path BLOB NOT NULL,
    facts BLOB,
    PRIMARY KEY (task, side, path)
);

-- One execution of one plan. `instance` tells plans apart that were made at different times from
-- the same facts and so have one id.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    plan_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    plan BLOB NOT NULL,
    actions BIGINT NOT NULL,
    started BIGINT NOT NULL,
    finished BIGINT,
    ending TEXT,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    tool TEXT NOT NULL,
    overrides TEXT
);

CREATE INDEX run_by_plan ON run (plan_id);

CREATE TABLE run_task (
    run BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    task TEXT NOT NULL,
    PRIMARY KEY (run, task)
);

-- An action without an outcome is an intent: it may have had its effect, or a part of it.
CREATE TABLE action (
    run BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    id BLOB NOT NULL,
    temporary BLOB,
    outcome TEXT,
    message TEXT,
    PRIMARY KEY (run, id)
);

CREATE INDEX action_open ON action (run) WHERE outcome IS NULL;
