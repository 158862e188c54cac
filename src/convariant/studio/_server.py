"""Serving the page to this machine and to nobody else."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from convariant.errors import MissingDependencyError, OptionError

if TYPE_CHECKING:
    import gradio

HOST = "127.0.0.1"
FIRST_PORT = 7860
MOST_UPLOAD = 256 * 2**20  # bytes of one file, checked while it arrives
_TRIED = 100
# the browser itself refuses whatever is not of this server
_POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)


@dataclass(frozen=True)
class Server:
    """A studio that runs."""

    url: str
    page: gradio.Blocks

    def wait(self) -> None:
        """Serve until Ctrl-C, then stop."""
        try:
            while self.page.is_running:
                time.sleep(0.2)
        except KeyboardInterrupt:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Stop serving."""
        self.page.close(verbose=False)


def serve(port: int | None = None, *, open_browser: bool = True) -> Server:
    """Start the studio on 127.0.0.1 and return at once.

    Where `port` is taken, the next free one is used; `server.url` says which.

    Raises MissingDependencyError without Gradio, OptionError where no port is free.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when Gradio is imported
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from convariant.studio._page import HEAD, THEME, build
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "gradio":
            raise
        raise MissingDependencyError("gradio", "the studio", extra="studio") from None
    page = build()
    _, url, _ = page.launch(
        server_name=HOST,
        server_port=free_port(FIRST_PORT if port is None else port),
        inbrowser=open_browser,
        share=False,
        quiet=True,
        prevent_thread_lock=True,
        max_file_size=MOST_UPLOAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=THEME,
        head=HEAD,
        app_kwargs=_guards(),
    )
    warm_up(url, page)
    return Server(url, page)


def warm_up(url: str, page: gradio.Blocks) -> None:
    """Ask what the sliders of the first tab ask, once: Gradio's first answer is the slow one."""
    event = next(f for f in page.fns.values() if f.concurrency_id == "arithmetic")
    asked = {
        "data": [widget.value for widget in event.inputs],
        "fn_index": event._id,
        "session_hash": "warm-up",
    }
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    queue = f"{url}gradio_api/queue"
    join = urllib.request.Request(
        f"{queue}/join", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with contextlib.suppress(OSError):  # then the first move of a slider is slow, and no more
        direct.open(join, timeout=10).close()
        with direct.open(f"{queue}/data?session_hash=warm-up", timeout=10) as answer:
            next((line for line in answer if b"process_completed" in line), None)


def free_port(first: int) -> int:
    """The first free port of 127.0.0.1 from this one on.

    Raises OptionError where the number is no port, or none of a hundred is free.
    """
    if not 1 <= first <= 65_535:
        raise OptionError(f"port {first} is none; use a number from 1024 to 65535")
    for port in range(first, min(first + _TRIED, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OptionError(f"no port from {first} on is free; name another with --port")


def _guards() -> dict[str, Any]:
    """Answer only to this machine's own names, and forbid the page any other address."""
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    return {
        "middleware": [
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"]),
            Middleware(_Headers),
        ],
        "docs_url": None,
        "redoc_url": None,
    }


class _Headers:
    """Adds the content policy to every answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_guarded(event: Any) -> None:
            if event["type"] == "http.response.start":
                added = [(b"content-security-policy", _POLICY.encode())]
                event = {**event, "headers": [*event.get("headers", []), *added]}
            await send(event)

        await self.app(scope, receive, send_guarded)
