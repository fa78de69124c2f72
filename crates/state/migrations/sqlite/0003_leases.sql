-- Who applies a plan to which task. The process is known by its boot, its pid namespace and when it
-- started, so that a number which is given to another process later is not taken for it; `journal` tells
-- the journals of one process apart.
CREATE TABLE lease (
    task TEXT NOT NULL PRIMARY KEY,
    run BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    boot TEXT,
    namespace TEXT,
    process_started BIGINT,
    journal BIGINT NOT NULL,
    heartbeat BIGINT NOT NULL
);

CREATE INDEX lease_by_run ON lease (run);

-- When an action got its outcome.
ALTER TABLE action ADD COLUMN concluded BIGINT;

-- A large file that goes over in parts: what the store calls the unfinished whole, and which source it
-- is made of. It goes with its intent.
CREATE TABLE transfer (
    run BIGINT NOT NULL,
    action BLOB NOT NULL,
    draft TEXT NOT NULL,
    part_size BIGINT NOT NULL,
    size BIGINT NOT NULL,
    source TEXT,
    PRIMARY KEY (run, action),
    FOREIGN KEY (run, action) REFERENCES action (run, id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE part (
    run BIGINT NOT NULL,
    action BLOB NOT NULL,
    number BIGINT NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (run, action, number),
    FOREIGN KEY (run, action) REFERENCES transfer (run, action) ON DELETE CASCADE ON UPDATE CASCADE
);

-- What the trash of a side holds, where it came from, and which run put it there.
CREATE TABLE trash (
    task TEXT NOT NULL,
    side TEXT NOT NULL,
    path BLOB NOT NULL,
    origin BLOB NOT NULL,
    facts BLOB NOT NULL,
    run BIGINT NOT NULL REFERENCES run (id),
    action BLOB NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (task, side, path)
);
