"""Optimistic concurrency: whoever commits first wins, and nobody waits for an open transaction.

It knows the open transactions, parks those whose locks another waits for, and lets one that was set
aside or has lost go on at overlays of its tables up to its COMMIT, which does what it did there.

May import: server (the superuser's connection), backend, dialect, statements, wire.
"""
