-- What was done under some keys; no row for a key under which nothing was.
\if :{?keys} \else \set keys '{0b8f7c7e-3f0e-4f3c-9f5e-2f6d1c9a4b10}' \endif

SELECT key, "table", payer, payee, amount, payer_balance, made_at
FROM transfers
WHERE key = ANY (:'keys'::uuid[]);
