"""Targets and the object cache."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from convariant.compiler.kernels import PeakMultiplyAdds
from convariant.compiler.llvm import (
    TARGETS,
    Target,
    assembly,
    compile_object,
    driver,
    get_target,
    host_target,
    load_object,
    runs_here,
)
from convariant.compiler.llvm import cache as caching
from convariant.compiler.llvm.cache import ObjectCache, default_cache_dir
from convariant.errors import CompileError, UnknownNameError

ALL = list(TARGETS.values())
each = pytest.mark.parametrize("target", ALL, ids=[t.name for t in ALL])


@each
def test_every_target_compiles_to_an_object(target):
    code = compile_object(PeakMultiplyAdds(10).emit(target, "kernel"), target)
    assert code[:4] == b"\x7fELF"


def test_vectors_are_as_wide_as_the_target_says():
    text = {t.name: assembly(PeakMultiplyAdds(10).emit(t, "kernel"), t) for t in ALL}
    assert "%zmm" in text["avx512"]
    assert "%ymm" in text["avx2"]
    assert "%zmm" not in text["avx2"]
    assert "fmla" in text["neon"]
    assert "vfmadd" not in text["sse4.2"]


def test_the_host_target_is_the_widest_that_runs_here(monkeypatch):
    monkeypatch.delenv("CONVARIANT_TARGET", raising=False)
    host_target.cache_clear()
    assert host_target() is next(t for t in ALL if runs_here(t))


def test_another_target_can_be_asked_for(monkeypatch):
    narrow = [t for t in ALL if runs_here(t)][-1]
    monkeypatch.setenv("CONVARIANT_TARGET", narrow.name)
    host_target.cache_clear()
    assert host_target() is narrow
    foreign = next(t for t in ALL if not runs_here(t))
    monkeypatch.setenv("CONVARIANT_TARGET", foreign.name)
    host_target.cache_clear()
    with pytest.raises(CompileError, match=f"this machine .* has no {foreign.name}; unset"):
        host_target()
    monkeypatch.undo()
    host_target.cache_clear()


def test_no_machine_is_left_without_a_sentence(monkeypatch):
    monkeypatch.delenv("CONVARIANT_TARGET", raising=False)
    monkeypatch.setattr("convariant.compiler.llvm.target.runs_here", lambda target: False)
    host_target.cache_clear()
    with pytest.raises(CompileError, match="no target for this machine"):
        host_target()
    host_target.cache_clear()


def test_an_unknown_target_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'avx2'"):
        get_target("avx")


def test_ir_that_llvm_refuses_is_reported():
    with pytest.raises(CompileError, match="LLVM refuses a kernel's IR"):
        compile_object("define void @kernel( {", host_target())


def test_a_kernel_that_is_not_in_its_object_is_reported():
    target = host_target()
    code = compile_object(PeakMultiplyAdds(10).emit(target, "kernel"), target)
    with pytest.raises(CompileError, match=r"kernel 'other' does not load .*not found: \[ oth"):
        load_object(code, "other", target)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def counts(folder: Path | None, target: Target | None = None) -> tuple[int, int]:
    cache, kernel = ObjectCache(folder, target or host_target()), PeakMultiplyAdds(10)
    code = cache.get(repr(kernel), lambda: kernel.emit(host_target(), "kernel"))
    assert code[:4] == b"\x7fELF"
    return cache.hits, cache.misses


def test_the_second_time_is_a_hit(folder):
    assert [counts(folder), counts(folder)] == [(0, 1), (1, 0)]
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 5000])
def test_a_damaged_entry_is_compiled_again(folder, damage):
    counts(folder)
    (entry,) = folder.iterdir()
    whole = entry.read_bytes()
    entry.write_bytes(damage or whole[:-1])
    assert counts(folder) == (0, 1)
    assert entry.read_bytes() == whole


@pytest.mark.parametrize("mode", [0o660, 0o606], ids=["group", "others"])
def test_an_entry_that_others_may_write_is_compiled_again(folder, mode):
    counts(folder)
    (entry,) = folder.iterdir()
    entry.chmod(mode)
    assert counts(folder) == (0, 1)


def test_an_entry_of_another_user_is_compiled_again(folder, monkeypatch):
    counts(folder)
    monkeypatch.setattr(caching, "_ours", lambda _folder: True)
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert counts(folder) == (0, 1)


def test_the_driver_comes_from_the_cache_and_is_compiled_again_where_damaged(folder, monkeypatch):
    def load() -> tuple[int, int]:
        monkeypatch.setattr(driver, "_drivers", {})  # as in a new process
        target, cache = host_target(), ObjectCache(folder, host_target())
        assert driver.load_driver(target, cache) is driver.load_driver(target, cache)
        return cache.hits, cache.misses

    assert [load(), load()] == [(0, 1), (1, 0)]
    (entry,) = folder.iterdir()
    entry.write_bytes(entry.read_bytes()[:-1])
    assert [load(), load()] == [(0, 1), (1, 0)]


@pytest.mark.parametrize("mode", [0o770, 0o707], ids=["group", "others"])
def test_a_folder_that_others_may_write_is_not_used(folder, mode):
    folder.mkdir()
    folder.chmod(mode)
    assert [counts(folder), counts(folder)] == [(0, 1), (0, 1)]
    assert list(folder.iterdir()) == []


def test_another_target_has_entries_of_its_own(folder):
    counts(folder)
    other = dataclasses.replace(host_target(), cpu="generic")
    assert counts(folder, other) == (0, 1)


def test_another_state_of_the_compiler_has_entries_of_its_own(folder, monkeypatch):
    counts(folder)
    monkeypatch.setattr(caching, "_own_code", lambda: "an older compiler")
    assert counts(folder) == (0, 1)


@pytest.mark.parametrize("version", ["__version__", "llvm"])
def test_another_llvm_has_entries_of_its_own(folder, monkeypatch, version):
    counts(folder)
    if version == "llvm":
        monkeypatch.setattr(caching.llvm, "llvm_version_info", (1, 2, 3))
    else:
        monkeypatch.setattr(caching.llvmlite, version, "1.2.3")
    assert counts(folder) == (0, 1)


def test_another_processor_has_entries_of_its_own(folder, monkeypatch):
    target = host_target()
    counts(folder)
    monkeypatch.setattr(caching.llvm, "get_host_cpu_name", lambda: "another")
    assert counts(folder, target) == (0, 1)


@pytest.mark.parametrize("field", ["name", "triple", "cpu", "features"])
def test_an_entry_depends_on_all_that_a_target_says(folder, field):
    target = host_target()
    other = dataclasses.replace(target, **{field: f"{getattr(target, field)} and more"})
    assert ObjectCache(folder, other).name("x") != ObjectCache(folder, target).name("x")


def test_another_version_has_entries_of_its_own(monkeypatch):
    known = caching._own_code.__wrapped__()
    monkeypatch.setattr("convariant.__version__", "0.0.0")
    assert caching._own_code.__wrapped__() != known


def test_files_of_the_compiler_that_are_exchanged_meanwhile_are_passed_over(monkeypatch):
    whole = caching._own_code.__wrapped__()

    def gone(_path: Path) -> bytes:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_bytes", gone)
    assert caching._own_code.__wrapped__() != whole


def test_trouble_with_the_disk_only_costs_time(folder, monkeypatch):
    counts(folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    (entry,) = folder.iterdir()
    entry.unlink()
    assert counts(folder) == (0, 1)
    assert list(folder.iterdir()) == [], "no half-written file is left"
    (folder / "file").touch()
    assert counts(folder / "file" / "below") == (0, 1)
    assert counts(None) == (0, 1)


def test_the_cache_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("CONVARIANT_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path
    monkeypatch.delenv("CONVARIANT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "convariant" / "kernels"
