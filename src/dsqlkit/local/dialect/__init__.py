"""What DSQL says where PostgreSQL says otherwise: rules as data, and the rewriting of statements.

May import: statements, wire.
"""
