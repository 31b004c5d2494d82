"""The local cluster's own process: the server, the endpoint before it, and the end of both.

May import every room, and is the only one beside the door that knows a whole session.
"""
