"""The wheel, its extras, the Makefile."""
