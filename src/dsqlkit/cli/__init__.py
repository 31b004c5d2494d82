"""The command line: thin shells over the library, a module a command or a close family."""

import gc

# A command imports many modules, which stay: looking for garbage among them meanwhile, as often as
# Python does by default, takes a tenth of a short command's time.
gc.set_threshold(100_000)
