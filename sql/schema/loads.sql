-- Chapter 6: who loads a table. A load renews its row while it runs; one that is not renewed has ended.
CREATE TABLE IF NOT EXISTS loads (
    table_name text PRIMARY KEY,
    load uuid NOT NULL,
    loader text NOT NULL,
    renewed_at timestamptz
);
