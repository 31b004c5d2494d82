-- Chapter 5: remove accounts first_id to last_id; at most 3,000 a transaction.
\if :{?first_id} \else \set first_id 1000001 \endif
\if :{?last_id} \else \set last_id 1000010 \endif

DELETE FROM accounts WHERE id BETWEEN :'first_id'::int AND :'last_id'::int;
