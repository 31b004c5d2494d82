-- How many accounts there are and what they hold together, in one snapshot.
SELECT count(*), coalesce(sum(balance), 0) FROM accounts2;
