"""Commands as a person or a program calls them: output, JSON, exit codes, signals."""
