"""``python -m delian`` is the command line."""

from delian.cli.main import main

if __name__ == "__main__":
    main()
