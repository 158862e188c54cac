"""The command `convariant`: one file for each subcommand, which parses, calls and prints.

Nothing here loads torch before a subcommand needs it, so that `--help` answers at once.
"""

from __future__ import annotations

import sys

from convariant.cli._app import build

__all__ = ["main"]


def main() -> None:
    """Run the command line; exit code 2 and one sentence for whatever the user can mend."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without Unicode shows a ? instead
    build()()
