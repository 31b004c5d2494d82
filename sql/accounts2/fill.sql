-- Chapter 6: accounts with ids that the client chose, so that it knows them before they are sent.
\if :{?ids} \else \set ids '{6f9619ff-8b86-4011-b42d-00c04fc964ff}' \endif
\if :{?balance} \else \set balance 100 \endif

INSERT INTO accounts2 (id, balance)
SELECT id, :'balance'::decimal FROM unnest(:'ids'::uuid[]) AS chosen (id);
