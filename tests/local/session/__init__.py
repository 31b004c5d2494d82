"""One client: turns, limits, ages, faults, COPY, cancelled and vanished clients."""
