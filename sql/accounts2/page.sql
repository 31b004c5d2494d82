-- The next ids of the table in their order, from one on: a page at a time needs no long transaction.
\if :{?first} \else \set first 00000000-0000-0000-0000-000000000000 \endif
\if :{?rows} \else \set rows 10000 \endif

SELECT id FROM accounts2 WHERE id >= :'first'::uuid ORDER BY id LIMIT :'rows'::bigint;
