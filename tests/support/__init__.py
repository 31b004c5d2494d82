"""What tests of several rooms share: waiting, looking at processes, raw clients, terminals."""
