-- What was done under a key; no row where nothing was.
\if :{?key} \else \set key 0b8f7c7e-3f0e-4f3c-9f5e-2f6d1c9a4b10 \endif

SELECT "table", payer, payee, amount, payer_balance, made_at FROM transfers WHERE key = :'key'::uuid;
