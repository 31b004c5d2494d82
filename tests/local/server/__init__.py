"""The embedded PostgreSQL: its disk, and our SQL in it."""
