"""`python -m dsqlkit` is the `dsqlkit` command."""

from dsqlkit.cli.main import main

if __name__ == "__main__":
    main()
