"""Measurements, no tests: `make bench` prints what commands cost, as ratios to plain scripts."""
