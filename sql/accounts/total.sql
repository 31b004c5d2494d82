-- How many accounts there are and what they hold together. Transfers never change the sum.
SELECT count(*), coalesce(sum(balance), 0) FROM accounts;
