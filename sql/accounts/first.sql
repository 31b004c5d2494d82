-- Chapter 3: the first account that there is, and what it holds.
SELECT id, balance FROM accounts ORDER BY id LIMIT 1;
