-- Whether there is any account. Cheaper than a count, which reads the whole table.
SELECT EXISTS (SELECT FROM accounts);
