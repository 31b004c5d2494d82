-- Chapter 6: more accounts than a transaction may change, which is 3,000: refused with 54000.
\if :{?rows} \else \set rows 3001 \endif

INSERT INTO accounts2 (balance) SELECT 100 FROM generate_series(1, :'rows'::int);
