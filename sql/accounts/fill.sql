-- Chapter 4: accounts first_id to last_id with one balance each; at most 3,000 a transaction.
\if :{?first_id} \else \set first_id 1 \endif
\if :{?last_id} \else \set last_id 1000 \endif
\if :{?balance} \else \set balance 100 \endif

INSERT INTO accounts (id, balance)
SELECT n, :'balance'::numeric
FROM generate_series(:'first_id'::int, :'last_id'::int) AS numbers (n);
