-- Chapter 6: one transaction of a load. The rows go into the table that the load has begun with: its
-- number is compared in the same statement, and where another has taken the name nothing goes in.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif
\if :{?balance} \else \set balance 100 \endif
\if :{?table_id} \else \set table_id 0 \endif

INSERT INTO accounts2 (id, balance)
SELECT id, :'balance'::decimal FROM unnest(:'ids'::uuid[]) AS chosen (id)
WHERE 'public.accounts2'::regclass::oid::bigint = :'table_id'::bigint;
