-- Chapter 6: how many of these accounts there are.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif

SELECT count(*) FROM accounts2 WHERE id = ANY (:'ids'::uuid[]);
