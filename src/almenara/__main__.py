"""`python -m almenara` is `almenara`."""

from almenara.cli import main

if __name__ == "__main__":
    main()
