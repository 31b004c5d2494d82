"""One PostgreSQL process behind a session: what it is asked, and what becomes of its answers.

May import: dialect, statements, wire.
"""
