-- As that of SQLite.
CREATE TABLE shared_index (
    task TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    source BYTEA NOT NULL,
    token TEXT,
    entries BIGINT NOT NULL,
    pending BIGINT NOT NULL
);
