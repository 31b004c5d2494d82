-- Take an amount from the payer; the answer tells whether it was there. Part of a transfer.
\if :{?payer} \else \set payer 6f9619ff-8b86-4011-b42d-00c04fc964ff \endif
\if :{?amount} \else \set amount 10 \endif

UPDATE accounts2 SET balance = balance - :'amount'::numeric WHERE id = :'payer' RETURNING balance;
