"""Other people's drivers and programs against the local cluster."""
