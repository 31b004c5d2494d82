-- Chapter 6: accounts with random keys, which spread writes over the whole cluster.
CREATE TABLE IF NOT EXISTS accounts2 (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    balance decimal NOT NULL
);
