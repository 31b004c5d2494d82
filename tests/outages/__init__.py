"""Connections that break, clusters that are killed; soak tests of loads and benches."""
