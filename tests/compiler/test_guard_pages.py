"""No kernel touches a number outside its buffers: each lies against a page nobody may touch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tests.compiler.harness import HERE

from convariant.compiler.layout import Layout

COUNT = os.environ.get("CONVARIANT_STREAM", "25")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The stream in a process of its own, which a touch of a forbidden page would end."""
    command = [sys.executable, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("what", [("known",), ("0", COUNT)], ids=["known", "drawn"])
def test_networks_stay_within_their_buffers(side, what):
    result = run("-m", "tests.compiler.guard_stream", side, *what)
    last = result.stdout.splitlines()[-1:]
    assert result.returncode == 0, (last, result.stderr[-2000:])
    assert last, "no network was run"


TOUCH = """
import ctypes, sys
from convariant.compiler.kernels import Elementwise, Step
from convariant.compiler.layout import Layout
from tests.compiler.guard import Rooms
from tests.compiler.harness import HERE, build

side, given = sys.argv[1], int(sys.argv[2])
layout = Layout.dense((1, 1, 1, 100), HERE[0].lanes)
rooms = Rooms([given, layout.size], side)
first = 0 if side == "end" else given - layout.size
table = (ctypes.c_void_p * 2)(*(rooms.address + 4 * o for o in rooms.offsets))
table[0] += 4 * first
build(Elementwise(layout, layout, (Step("relu"),)), HERE[0])(ctypes.addressof(table))
"""


@pytest.mark.parametrize("side", ["start", "end"])
@pytest.mark.parametrize("missing", [0, 1])
def test_one_number_beyond_a_buffer_ends_the_process(side, missing):
    layout = Layout.dense((1, 1, 1, 100), HERE[0].lanes)
    result = run("-c", TOUCH, side, str(layout.size - missing))
    assert result.returncode == (-signal.SIGSEGV if missing else 0), result.stderr
