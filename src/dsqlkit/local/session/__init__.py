"""One client that has signed in: what it sends, in steps, and what becomes of each in its turn.

May import: occ, explain, backend, dialect, statements, wire.
"""
