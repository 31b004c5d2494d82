-- Chapter 7: its indexes, in the order in which the chapter builds them. The first belongs to the
-- set-up, the other two to the optimization. Each statement answers at once with a job's id; the
-- build goes on by itself, and sys.jobs tells when it is done.
CREATE INDEX ASYNC IF NOT EXISTS idx_accounts7_type ON accounts7 (account_type);
CREATE INDEX ASYNC IF NOT EXISTS idx_accounts7_metadata ON accounts7 (metadata_key, account_type);
CREATE INDEX ASYNC IF NOT EXISTS idx_accounts7_metadata_covering
    ON accounts7 (metadata_key, account_type)
    INCLUDE (region_code, status, created_at, metadata_value);
