-- Chapters 5 and 6: the ledger, a row for each transfer that was made with a key. It is written in
-- the transfer's own transaction, so a key is there exactly when its money has moved.
CREATE TABLE IF NOT EXISTS transfers (
    key uuid PRIMARY KEY,
    "table" text NOT NULL,
    payer text NOT NULL,
    payee text NOT NULL,
    amount numeric NOT NULL,
    payer_balance numeric NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);
