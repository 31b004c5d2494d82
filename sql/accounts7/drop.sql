-- Chapter 7: start anew.
DROP TABLE IF EXISTS accounts7;
