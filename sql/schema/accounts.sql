-- Chapters 3 to 5: accounts with integer keys. `numeric` is numeric(18,6) on Aurora DSQL.
CREATE TABLE IF NOT EXISTS accounts (id int PRIMARY KEY, balance numeric);
