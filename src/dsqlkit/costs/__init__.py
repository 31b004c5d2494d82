"""What statements cost in DPU, by statement and by transaction, before a bill says so."""
