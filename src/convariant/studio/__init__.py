"""The studio: a local web page to play with convolutions, images, networks and the claims.

Every tab is two files: one of plain functions that compute (`_windows`), and one that wires them
to the page (`_windows_tab`); `_page` puts the tabs together and `_server` serves them to this
machine alone. Gradio is imported when the studio starts and not before.
"""

from convariant.studio._server import Server, serve

__all__ = ["Server", "serve"]
