"""What the page answers, and when; without a browser.

Each in a process of its own: Gradio leaves event loops open, and pytest blames whichever test the
collector then runs in.
"""

import subprocess
import sys

import pytest

IN_TURN = """
from convariant.studio._page import build

events = [event for event in build().fns.values() if event.fn is not None]
assert len(events) > 20
place_of = {}
for event in events:
    assert event.queue
    assert event.concurrency_limit == 1
    assert event.trigger_mode == "always_last"
    for output in event.outputs:
        assert place_of.setdefault(output._id, event.concurrency_id) == event.concurrency_id
assert len(set(place_of.values())) == 5
"""

FIRST_QUESTION = """
from convariant.studio import _windows_tab
from convariant.studio._server import serve

asked, explain = [], _windows_tab.explain
_windows_tab.explain = lambda settings: asked.append(settings) or explain(settings)
serve(7960, open_browser=False).close()
# once for the page as it is built, once through the server
assert asked == [_windows_tab.EXAMPLES[_windows_tab._FIRST]] * 2
"""


def check_runs(code):
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_answer_overtakes_another():
    """Events that write to the same place are answered in turn, and none is dropped."""
    check_runs(IN_TURN)


def test_the_first_question_is_asked_before_a_reader_does():
    """Gradio's first answer takes several times as long as the next ones."""
    check_runs(FIRST_QUESTION)


def test_a_check_that_fails_is_seen():
    with pytest.raises(AssertionError, match="as it should"):
        check_runs("assert 1 == 2, 'as it should'")
