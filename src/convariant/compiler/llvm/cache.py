"""Compiled kernels on disk: what was compiled once for this machine is loaded from then on.

An entry is one file: SHA-256 of the rest, then the object code. Its name is the hash of everything
that the code depends on. The folder belongs to the user alone; an entry that fails its checksum, or
that somebody else owns or may write, is compiled again and never loaded. Trouble with the disk only
costs time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from convariant.compiler.llvm.crew import Crew, helpers_for
from convariant.compiler.llvm.jit import compile_object
from convariant.compiler.llvm.target import Target

__all__ = ["ObjectCache", "default_cache_dir"]

_DIGEST = hashlib.sha256().digest_size
# the file of the secret with which programs are signed
_KEY = "signing-key"


def default_cache_dir() -> Path:
    """`$CONVARIANT_CACHE`, else the user's cache folder."""
    chosen = os.environ.get("CONVARIANT_CACHE")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "convariant" / "kernels"


class ObjectCache:
    """Object code by a description of its kernel; `hits` and `misses` count."""

    def __init__(self, folder: Path | None, target: Target) -> None:
        self._folder, self._target = folder, target
        self.hits = self.misses = 0
        if folder is not None and not _ours(folder):
            self._folder = None

    @classmethod
    def at(cls, folder: str | os.PathLike[str] | None, target: Target) -> ObjectCache:
        """The cache in a folder, by default the user's."""
        return cls(default_cache_dir() if folder is None else Path(folder), target)

    def get(self, kernel: str, source: Callable[[], str]) -> bytes:
        """The object code of a kernel; its IR is written and compiled now unless it is known.

        `kernel` says all that the IR depends on, but for this library's own code.
        """
        name = self.name(kernel)
        code = self._read(name)
        if code is not None:
            self.hits += 1
            return code
        self.misses += 1
        code = compile_object(source(), self._target)
        self._write(name, code)
        return code

    def get_all(self, kernels: Mapping[str, Callable[[], str]]) -> list[bytes]:
        """The same of many kernels; other processes help to compile what is not known."""
        names = {self.name(kernel): kernel for kernel in kernels}
        codes = {name: self._read(name) for name in names}
        missing = [name for name, code in codes.items() if code is None]
        helpers = helpers_for(len(missing))
        if not helpers:
            return [self.get(kernel, source) for kernel, source in kernels.items()]
        self.hits += len(names) - len(missing)
        self.misses += len(missing)
        with Crew(self._target, helpers) as crew:
            jobs = []
            for name in missing:  # each is handed out before the next is written
                source = kernels[names[name]]()
                jobs.append((source, crew.submit(source)))
            found = dict(zip(missing, crew.results(jobs), strict=True))
        for name, code in found.items():
            self._write(name, code)
        return [known or found[name] for name, known in codes.items()]

    def recall(self, name: str) -> bytes | None:
        """What `remember` was given under that name; None where it is not known, or was damaged."""
        return self._read(name)

    def remember(self, name: str, data: bytes) -> None:
        """Keep data under a name that `name` made of all that it depends on."""
        self._write(name, data)

    def sign(self, text: str) -> str:
        """A signature that only this user, with this cache folder, can make; "" where none can.

        It tells code that was compiled here from code that came with a file from elsewhere.
        """
        key = self._key()
        return hmac.new(key, text.encode(), "sha256").hexdigest() if key else ""

    def signed(self, text: str, signature: str) -> bool:
        """Whether this user, with this folder, made the signature of the text."""
        own = self.sign(text)
        return bool(own) and hmac.compare_digest(own.encode(), signature.encode())

    def _key(self) -> bytes | None:
        """The secret of this folder, made on first use."""
        if self._folder is None:
            return None
        key = self._read(_KEY)
        if key is None:
            self._write(_KEY, secrets.token_bytes(_DIGEST))
            key = self._read(_KEY)
        return key

    def name(self, text: str) -> str:
        """The entry of a text: it depends on this machine, this compiler and LLVM too."""
        t = self._target
        parts = (
            *(_own_code(), llvmlite.__version__, str(llvm.llvm_version_info)),
            *(llvm.get_host_cpu_name(), t.name, t.triple, t.cpu, t.features, text),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    def _read(self, name: str) -> bytes | None:
        if self._folder is None:
            return None
        try:
            # the check and the reading are of one open file, which nobody can exchange in between
            with (self._folder / name).open("rb") as file:
                if not _only_ours(os.fstat(file.fileno())):
                    return None
                data = file.read()
        except OSError:
            return None
        digest, code = data[:_DIGEST], data[_DIGEST:]
        return code if hashlib.sha256(code).digest() == digest else None

    def _write(self, name: str, code: bytes) -> None:
        """Write beside, then rename: a reader sees the whole entry or none."""
        if self._folder is None:
            return
        temporary = None
        try:
            handle, temporary = tempfile.mkstemp(dir=self._folder, prefix=".new-")
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(code).digest() + code)
            os.replace(temporary, self._folder / name)
        except OSError:
            if temporary is not None:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)


@functools.cache
def _own_code() -> str:
    """The hash of the version and of the compiler's own files, as far as they are there to read."""
    from convariant import __version__

    digest = hashlib.sha256(__version__.encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        with contextlib.suppress(OSError):  # an update of the package may just be under way
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _ours(folder: Path) -> bool:
    """Make the folder, for the user alone; whether it is so."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _only_ours(folder.stat())
    except OSError:
        return False


def _only_ours(status: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return True
    others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == os.getuid() and not others_write
