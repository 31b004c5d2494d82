-- Write a transfer down under its key, before its money moves; no row comes back for a key that is
-- there already, even where the payer is not there any more. Part of a transfer.
\if :{?key} \else \set key 0b8f7c7e-3f0e-4f3c-9f5e-2f6d1c9a4b10 \endif
\if :{?payer} \else \set payer 1 \endif
\if :{?payee} \else \set payee 2 \endif
\if :{?amount} \else \set amount 10 \endif

INSERT INTO transfers (key, "table", payer, payee, amount, payer_balance)
SELECT :'key'::uuid, 'accounts'::text, :'payer'::text, :'payee'::text, :'amount'::numeric,
       coalesce((SELECT balance FROM accounts WHERE id = :'payer'), 0) - :'amount'::numeric
ON CONFLICT (key) DO NOTHING
RETURNING key, amount, payer_balance;
