"""The local cluster's own process, started detached by `dsqlkit.local.start`."""

from dsqlkit.local.daemon import main

main()
