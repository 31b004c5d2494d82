"""PostgreSQL's protocol as bytes, and the sockets that they come and go through.

May import nothing else of the local cluster.
"""
