"""Retry policies compared in a simulation; `make retries` writes the guide's table."""
