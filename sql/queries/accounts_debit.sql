-- Take an amount from the payer; the answer tells whether it was there. Part of a transfer.
\if :{?payer} \else \set payer 1 \endif
\if :{?amount} \else \set amount 10 \endif

UPDATE accounts SET balance = balance - :'amount'::numeric WHERE id = :'payer' RETURNING balance;
