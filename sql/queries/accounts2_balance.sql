-- One account's balance.
\if :{?id} \else \set id 6f9619ff-8b86-4011-b42d-00c04fc964ff \endif

SELECT balance FROM accounts2 WHERE id = :'id';
