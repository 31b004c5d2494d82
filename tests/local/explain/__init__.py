"""Plans as DSQL prints them."""
