"""Writing is all or nothing, also on a full disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from convariant.errors import StorageError
from convariant.training._files import write_file, write_files


def full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_file(path, b"one")
    write_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, b"old")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(
        StorageError,
        match=r"cannot write into .*: No space left on device \(1.5 kB to write, .* free\); "
        "nothing there was changed",
    ):
        write_file(path, b"x" * 1500)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_of_several_files_none_is_new_before_all_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"a": b"old a", "b": b"old b"})
    calls = []

    def second_fails(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 2:
            full_disk(descriptor)

    monkeypatch.setattr(os, "fsync", second_fails)
    with pytest.raises(StorageError, match="No space left"):
        write_files(tmp_path, {"a": b"new a", "b": b"new b"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old a",
        "b": b"old b",
    }


def test_a_file_in_the_place_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write into .*taken"):
        write_file(tmp_path / "taken" / "file", b"")
