"""`python -m bridge` is the same as `bridge`."""

from bridge.ops.cli import main

if __name__ == "__main__":
    main()
