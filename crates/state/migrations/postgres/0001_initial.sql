-- What syncplan remembers between runs: the same tables as in SQLite, see there for what they mean.
-- Names are compared byte by byte, whatever the database's collation.

CREATE TABLE snapshot (
    task TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    source BYTEA NOT NULL,
    digest BYTEA NOT NULL,
    problems TEXT NOT NULL,
    saved BIGINT NOT NULL,
    PRIMARY KEY (task, side)
);

-- Pages are packed already.
CREATE TABLE page (
    task TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    packed BYTEA NOT NULL,
    PRIMARY KEY (task, side, number),
    FOREIGN KEY (task, side) REFERENCES snapshot (task, side) ON DELETE CASCADE
);
ALTER TABLE page ALTER COLUMN packed SET STORAGE EXTERNAL;

CREATE TABLE learned (
    task TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    path BYTEA NOT NULL,
    facts BYTEA,
    PRIMARY KEY (task, side, path)
);

CREATE TABLE run (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan_id TEXT COLLATE "C" NOT NULL,
    instance TEXT COLLATE "C" NOT NULL,
    plan BYTEA NOT NULL,
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
    task TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, task)
);

CREATE TABLE action (
    run BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    id BYTEA NOT NULL,
    temporary BYTEA,
    outcome TEXT,
    message TEXT,
    concluded BIGINT,
    PRIMARY KEY (run, id)
);

CREATE INDEX action_open ON action (run) WHERE outcome IS NULL;

CREATE TABLE lease (
    task TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    boot TEXT,
    namespace TEXT,
    process_started BIGINT,
    journal BIGINT NOT NULL,
    heartbeat BIGINT NOT NULL
);

CREATE INDEX lease_by_run ON lease (run);

CREATE TABLE transfer (
    run BIGINT NOT NULL,
    action BYTEA NOT NULL,
    draft TEXT NOT NULL,
    part_size BIGINT NOT NULL,
    size BIGINT NOT NULL,
    source TEXT,
    PRIMARY KEY (run, action),
    FOREIGN KEY (run, action) REFERENCES action (run, id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE part (
    run BIGINT NOT NULL,
    action BYTEA NOT NULL,
    number BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    PRIMARY KEY (run, action, number),
    FOREIGN KEY (run, action) REFERENCES transfer (run, action) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE base (
    task TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    lineage TEXT NOT NULL,
    serial BIGINT NOT NULL,
    source BYTEA NOT NULL,
    protect TEXT NOT NULL,
    marked_local BIGINT,
    marked_remote BIGINT
);

CREATE TABLE agreed (
    task TEXT COLLATE "C" NOT NULL REFERENCES base (task) ON DELETE CASCADE,
    path BYTEA NOT NULL,
    local BYTEA,
    remote BYTEA,
    PRIMARY KEY (task, path)
);

CREATE TABLE trash (
    task TEXT COLLATE "C" NOT NULL,
    side TEXT COLLATE "C" NOT NULL,
    path BYTEA NOT NULL,
    origin BYTEA NOT NULL,
    facts BYTEA NOT NULL,
    run BIGINT NOT NULL REFERENCES run (id),
    action BYTEA NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (task, side, path)
);
