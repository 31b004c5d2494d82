"""What DSQL refuses or answers otherwise: most by table, from the text alone."""
