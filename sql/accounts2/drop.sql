-- Chapter 6: start anew. Dropping a table is one statement; deleting 1,000,000 rows is not.
DROP TABLE IF EXISTS accounts2;
