"""What a client's text is: its steps, the kinds of its statements, the tables they name.

May import: wire.
"""
