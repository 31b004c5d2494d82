-- Chapter 4: delete up to `rows` accounts; at most 3,000 rows fit into one transaction.
\if :{?rows} \else \set rows 3000 \endif

DELETE FROM accounts WHERE id IN (SELECT id FROM accounts ORDER BY id LIMIT :'rows'::bigint);
