-- How many of these accounts there are and what they hold together, in one snapshot.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif

SELECT count(*), coalesce(sum(balance), 0) FROM accounts2 WHERE id = ANY (:'ids'::uuid[]);
