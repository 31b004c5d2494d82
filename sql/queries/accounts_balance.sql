-- One account's balance.
\if :{?id} \else \set id 1 \endif

SELECT balance FROM accounts WHERE id = :'id';
