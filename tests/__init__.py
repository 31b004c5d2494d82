"""The tests, in folders as the package has them: each says in its `__init__.py` what it tests."""
