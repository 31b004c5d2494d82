"""Conflicts (src/dsqlkit/local/occ): races by hand, random schedules against a model of DSQL."""
