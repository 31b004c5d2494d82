"""The command line: thin shells over the library, a module a command or a close family."""
