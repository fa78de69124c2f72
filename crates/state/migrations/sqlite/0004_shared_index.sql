-- The index that machines share on the remote side of a task: which one was read or written last, how
-- much it knew, and how much has come to be known here since that it does not.
CREATE TABLE shared_index (
    task TEXT NOT NULL PRIMARY KEY,
    source BLOB NOT NULL,
    token TEXT,
    entries BIGINT NOT NULL,
    pending BIGINT NOT NULL
);
