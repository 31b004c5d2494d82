-- End a load's claim. Its row stays: it says which load filled the table.
\if :{?table} \else \set table accounts2 \endif
\if :{?load} \else \set load 6f9619ff-8b86-4011-b42d-00c04fc964ff \endif

UPDATE loads SET renewed_at = NULL WHERE table_name = :'table' AND load = :'load'::uuid;
