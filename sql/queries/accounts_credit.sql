-- Give an amount to the payee. Part of a transfer.
\if :{?payee} \else \set payee 2 \endif
\if :{?amount} \else \set amount 10 \endif

UPDATE accounts SET balance = balance + :'amount'::numeric WHERE id = :'payee';
