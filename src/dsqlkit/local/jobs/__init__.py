"""Index builds and validations of constraints, which run beside all clients.

May import: server. Only the local cluster's own process imports this room.
"""
