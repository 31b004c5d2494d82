"""Optimistic concurrency: whoever commits first wins, and nobody waits for an open transaction.

It knows the open transactions, parks those whose locks another waits for, puts back what they did,
and lets one that has lost go on at private copies of its tables until its COMMIT fails.

May import: server (the superuser's connection), backend, dialect, statements, wire.
"""
