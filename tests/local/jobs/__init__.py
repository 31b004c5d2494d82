"""CREATE INDEX ASYNC, constraints that are validated, and the jobs that do it."""
