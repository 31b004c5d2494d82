-- Each column of table transfers with its type, and whether the column alone is a unique key.
SELECT a.attname, format_type(a.atttypid, NULL),
       EXISTS (
           SELECT FROM pg_index AS i
           WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
             AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
       )
FROM pg_class AS t
JOIN pg_namespace AS n ON n.oid = t.relnamespace
JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = 'public' AND t.relname = 'transfers';
