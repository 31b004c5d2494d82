"""Plans as DSQL prints them, made of PostgreSQL's own.

A plan that PostgreSQL gives as a document is read, its scans are told again as reads of B-trees in
storage, and the lines of DSQL's text are made of it, with the estimate of DPU. All of it is pure:
what the catalog says of a plan's tables, and how many bytes were read and written, comes with it.

May import dsqlkit.dpu, and no other room.
"""
