"""Who may come in: TLS, the token as the password, and how long a connection may last.

May import: session, occ, dialect, server, backend, wire. It makes the sessions and lets go of them.
"""
