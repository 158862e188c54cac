"""`python -m convariant.cli` is the command `convariant`."""

from convariant.cli import main

if __name__ == "__main__":
    main()
