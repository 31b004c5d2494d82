-- Chapter 5: what accounts first_id to last_id hold together. Transfers among them do not change it.
\if :{?first_id} \else \set first_id 1 \endif
\if :{?last_id} \else \set last_id 10 \endif

SELECT coalesce(sum(balance), 0) AS total
FROM accounts
WHERE id BETWEEN :'first_id'::int AND :'last_id'::int;
