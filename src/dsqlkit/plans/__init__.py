"""Query plans: the text of EXPLAIN becomes a tree, the tree is measured and judged.

All modules but `runner` and `catalog_reader` are pure. A plan comes from Aurora DSQL or
from PostgreSQL 14 to 18.
"""
