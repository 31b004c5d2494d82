"""The embedded PostgreSQL: its programs, its data folder, its superuser, and our SQL in it.

May import: dialect, statements (what SHOW answers is told to the server once).
"""
