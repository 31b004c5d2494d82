"""Comparing a cluster's answers with the record."""
