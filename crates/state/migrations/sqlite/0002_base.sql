-- What both sides of a task agreed on. Its two snapshots stand with those that were scanned, under
-- the sides `local-base` and `remote-base`. `source` says which two places they were made with, and
-- the marks which serial each side knows by now.
CREATE TABLE base (
    task TEXT NOT NULL PRIMARY KEY,
    lineage TEXT NOT NULL,
    serial BIGINT NOT NULL,
    source BLOB NOT NULL,
    protect TEXT NOT NULL,
    marked_local BIGINT,
    marked_remote BIGINT
);

-- What actions made both sides agree on since those snapshots were written: what stands on each.
-- Without facts nothing stands there, and the base lets go of the path.
CREATE TABLE agreed (
    task TEXT NOT NULL,
    path BLOB NOT NULL,
    local BLOB,
    remote BLOB,
    PRIMARY KEY (task, path),
    FOREIGN KEY (task) REFERENCES base (task) ON DELETE CASCADE
);
