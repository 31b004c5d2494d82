"""Optimistic concurrency: whoever commits first wins, and nobody waits for an open transaction.

It knows the open transactions, parks those whose locks another waits for, puts back what they did,
and lets one that was set aside or has lost go on at overlays of its tables up to its COMMIT.

May import: server (the superuser's connection), backend, dialect, statements, wire.
"""
