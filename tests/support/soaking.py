"""How long the long tests run, and from which seed: set by DSQLKIT_SOAK_S and DSQLKIT_SOAK_SEED."""

import os
import random

DURATION_S = float(os.environ.get("DSQLKIT_SOAK_S", "600"))
"""How long a test that runs by the clock goes on; others run in proportion to it."""
SEED = int(os.environ.get("DSQLKIT_SOAK_SEED", "1"))


def share(count: int) -> int:
    """So many of a count that belongs to ten minutes as the duration allows."""
    return max(1, int(count * DURATION_S / 600))


def chance_of(what: str) -> random.Random:
    """Chance for one purpose: the same in each run from one seed, whatever else draws."""
    return random.Random(f"{SEED} {what}")
