-- How many of these accounts there are and what they hold together, in one snapshot.
\if :{?ids} \else \set ids '{1,2}' \endif

SELECT count(*), coalesce(sum(balance), 0) FROM accounts WHERE id = ANY (:'ids'::bigint[]);
