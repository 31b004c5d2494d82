-- Give an amount to the payee. Part of a transfer.
\if :{?payee} \else \set payee 7d444840-9dc0-41d1-b245-5ffdce74fad2 \endif
\if :{?amount} \else \set amount 10 \endif

UPDATE accounts2 SET balance = balance + :'amount'::numeric WHERE id = :'payee';
