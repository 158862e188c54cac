"""convariant studio: the local web page."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from convariant.cli._output import line

Port = Annotated[int, typer.Option(help="The next free one where it is taken.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page at once.")]


def studio(port: Port = 7860, browser: Browser = True) -> None:
    """Play with convolutions, images, networks and the lecture's claims in the browser.

    The page is served to this machine alone and needs no network. Ctrl-C stops it.

    Example: convariant studio --port 8000 --no-browser
    """
    from convariant.studio import serve

    server = serve(port, open_browser=browser)
    line(f"the studio is at {server.url} (Ctrl-C stops it)")
    server.wait()
    # What a tab has begun (training, compiling) cannot be stopped in its thread, and must not be
    # torn down inside PyTorch. Files are written in one go, so nothing is left half done.
    sys.stdout.flush()
    os._exit(0)
