"""The command as a whole: help at once, a version, exit codes, streams."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from convariant import __version__
from convariant.cli._app import COMMANDS, answering


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "sys.argv = ['convariant', '--help']\n"
        "from convariant.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'torch', 'numpy', 'scipy', 'lightning', 'PIL', 'llvmlite'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "Start with: convariant demo" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(run: Any, name: str) -> None:
    answer = run(name, "--help")
    assert answer.code == 0
    assert f"Example: convariant {name}" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_the_version(run: Any) -> None:
    assert run("--version").out == f"convariant {__version__}\n"


def test_unknown_commands_and_options_exit_with_2(run: Any) -> None:
    assert run("trian").code == 2
    assert run("models", "--jsn").code == 2


def test_errors_of_the_system_and_control_c_are_one_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(error: BaseException) -> None:
        raise error

    for error, sentence in (
        (PermissionError(13, "Permission denied", "/x"), "convariant: /x: Permission denied\n"),
        (KeyboardInterrupt(), "convariant: stopped\n"),
    ):
        with pytest.raises(typer.Exit) as end:
            answering(fail)(error)
        assert end.value.exit_code == 2
        assert capsys.readouterr().err == sentence
    with pytest.raises(BrokenPipeError):
        answering(fail)(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m convariant.cli models --json | head -1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert result.stdout == "[\n"
    assert "Traceback" not in result.stderr


def test_models_are_listed_and_told_about(run: Any) -> None:
    lines = run("models").out.splitlines()
    assert lines[0].split() == ["name", "task", "input", "parameters", "multiply-adds"]
    assert ["lenet5", "classification", "32x32", "61,706", "416,520"] in [
        line.split() for line in lines
    ]
    text = run("models", "unet").out
    assert text.startswith("unet: U-Net; ")
    assert re.search(r"^mode +paper +paper, same *$", text, re.MULTILINE)


def test_commands_in_the_documents_are_commands() -> None:
    """Every `convariant ...` line of the tutorial is read by the real command line."""
    from typer.main import get_command

    from convariant.cli._app import build

    page = Path(__file__).parents[2] / "docs" / "training.md"
    blocks = re.findall(r"```(?:console|bash)\n(.*?)```", page.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    commands = [line.removeprefix("$ ").split("#")[0].split() for line in lines]
    commands = [words[1:] for words in commands if words[:1] == ["convariant"]]
    assert len(commands) > 10
    group = get_command(build())
    for words in commands:
        subcommand = group.commands[words[0]]  # type: ignore[attr-defined]
        context = subcommand.make_context(words[0], words[1:])
        assert context.params, words
