"""Bulk loading: what needs no command."""
