"""What statements cost."""
