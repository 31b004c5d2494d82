"""The local cluster from its start to its end; its rooms in folders, but for occ (tests/occ)."""
