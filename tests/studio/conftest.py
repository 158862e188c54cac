"""One studio for all its tests, and pages that reach nothing but that studio."""

import os
import re
import signal
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def studio(tmp_path_factory):
    """The address of a studio started by its command; Ctrl-C ends it without complaint."""
    cache = tmp_path_factory.mktemp("cache") / "kernels"
    process = subprocess.Popen(
        [sys.executable, "-m", "convariant.cli", "studio", "--no-browser", "--port", "7900"],
        env=os.environ | {"CONVARIANT_CACHE": str(cache), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # the jobs that a shell runs in the background ignore Ctrl-C, and so would what they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    line = process.stdout.readline()
    address = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert address, line + process.stdout.read()
    yield address[0]
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def page(studio, browser, request):
    """The page at two widths; fails where it asked for another machine or logged an error."""
    context = browser.new_context(viewport={"width": request.param, "height": 844})
    elsewhere, errors = [], []

    def only_here(route):
        if route.request.url.startswith((studio, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    context.route("**/*", only_here)
    made = context.new_page()
    made.set_default_timeout(20_000)
    made.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.goto(studio)
    made.wait_for_selector("#arithmetic-picture svg")
    yield made
    assert elsewhere == []
    assert errors == []
    context.close()
