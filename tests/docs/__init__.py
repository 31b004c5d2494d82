"""README and the guides, followed as they stand; `python -m tests.docs` writes them anew."""
