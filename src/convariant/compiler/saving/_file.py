"""The file of a program: safetensors, in parts that are read and checked one by one.

A part is some tensors in a row, with a SHA-256 that the document records. The document itself is
text in the file's metadata, and so is its SHA-256. Tensors that are not asked for are not read.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convariant.compiler._instance import Memory
from convariant.errors import CompileError, ModelFileError, StorageError

__all__ = ["Part", "ProgramFile", "digest", "widest_first", "write_program_file"]

FORMAT = "convariant program 5"  # another number when a file of before can no longer be read

_SAFETENSORS = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.complex64: "C64",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_DTYPES = {name: dtype for dtype, name in _SAFETENSORS.items()}
_LENGTH_BYTES = 8
_LARGEST_HEADER = 100 << 20
_CHUNK = 1 << 20  # bytes read and hashed at a time
_PATIENCE = 0.15  # seconds of reading into huge pages, after which the rest goes to small ones


class Part:
    """Some tensors in the order they are written."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            if tensor.dtype not in _SAFETENSORS or tensor.layout != torch.strided:
                raise CompileError(
                    f"constant {name!r} is {tensor.dtype} ({tensor.layout}), for which the file "
                    "has no form; use dense tensors of float, integer or bool"
                )
        self.tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
        self.chunks = [_bytes(tensor) for tensor in self.tensors.values()]

    def digest(self) -> str:
        """SHA-256 of all bytes."""
        return digest(*self.chunks)


def widest_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """In the order in which each is aligned to its numbers without gaps."""
    return dict(sorted(tensors.items(), key=lambda item: -item[1].dtype.itemsize))


def digest(*chunks: bytes | memoryview) -> str:
    """SHA-256 of the chunks in a row, as text."""
    state = hashlib.sha256()
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def write_program_file(
    path: Path, document: Mapping[str, Any], parts: Sequence[Part], sign: Callable[[str], str]
) -> None:
    """Write beside the path, wait until the disk has it, then rename over it.

    `sign` makes a signature of the document's digest, which all other digests are part of.

    Raises:
        StorageError: what was at the path is then untouched.
    """
    if not path.name or "\0" in str(path):
        raise StorageError(
            f"cannot write {str(path)!r}: it names no file; give a path such as net.convariant"
        )
    table: dict[str, Any] = {}
    offset = 0
    for part in parts:
        for (name, tensor), chunk in zip(part.tensors.items(), part.chunks, strict=True):
            ends = [offset, offset + chunk.nbytes]
            dtype, shape = _SAFETENSORS[tensor.dtype], list(tensor.shape)
            table[name] = {"dtype": dtype, "shape": shape, "data_offsets": ends}
            offset = ends[1]
    text = json.dumps({**document, "table": digest(json.dumps(table).encode())})
    known = digest(text.encode())
    metadata = {"format": FORMAT, "document": text, "digest": known, "signature": sign(known)}
    encoded = json.dumps({"__metadata__": metadata, **table}).encode()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded)
            for part in parts:
                file.writelines(part.chunks)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; nothing there was changed, make room "
            "or choose another folder"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies behind the header."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    start: int
    stop: int


class ProgramFile:
    """An open file whose header has been read and checked.

    Raises:
        ModelFileError: not a file of convariant's, or cut short, or changed.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
        self._data = _LENGTH_BYTES + length
        if length > _LARGEST_HEADER or self._data > size:
            raise ModelFileError("it is no safetensors file, or cut short")
        header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", None) if isinstance(header, dict) else None
        if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
            raise ModelFileError(f"it is not marked {FORMAT!r}, as fast.save(path) writes it")
        text = metadata["document"].encode()
        self.digest, self.signature = metadata["digest"], str(metadata["signature"])
        if digest(text) != self.digest:
            raise ModelFileError("its description has been changed since it was written")
        self.document = json.loads(text)
        if digest(json.dumps(header).encode()) != self.document["table"]:
            raise ModelFileError("its table of tensors has been changed since it was written")
        self._entries = {name: _entry(entry) for name, entry in header.items()}
        end = max((entry.stop for entry in self._entries.values()), default=0)
        if self._data + end != size:
            raise ModelFileError("it is cut short or something was added to it")

    def read(
        self, names: Sequence[str], expected: str, *, huge: bool
    ) -> tuple[Memory, dict[str, Tensor]]:
        """Tensors that were written as one part, in memory of their own (in huge pages or not).

        Raises:
            ModelFileError: the bytes are not those that were written.
        """
        entries = [self._entries[name] for name in names]
        start = entries[0].start if entries else 0
        size = entries[-1].stop - start if entries else 0
        memory = Memory(-(-size // 4), huge=huge)
        room = memory.floats.view(np.uint8)[:size]
        if self._fill(memory, room.data, self._data + start) != expected:
            raise ModelFileError("its numbers have been changed since it was written")
        tensors = {}
        for name, entry in zip(names, entries, strict=True):
            data = torch.from_numpy(room[entry.start - start : entry.stop - start])
            tensors[name] = data.view(entry.dtype).view(entry.shape)
        return memory, tensors

    def _fill(self, memory: Memory, room: memoryview, place: int) -> str:
        """Read from that place on, and give the digest; several threads may do so at once."""
        state, handle, done = hashlib.sha256(), self._file.fileno(), 0
        late = time.perf_counter() + _PATIENCE
        while done < len(room):
            if time.perf_counter() > late:
                memory.use_small_pages(done)
                late = math.inf
            count = os.preadv(handle, [room[done : done + _CHUNK]], place + done)
            if count == 0:
                break
            state.update(room[done : done + count])  # while the cache still has it
            done += count
        return state.hexdigest()


def _entry(data: Any) -> _Entry:
    start, stop = data["data_offsets"]
    return _Entry(_DTYPES[data["dtype"]], tuple(data["shape"]), start, stop)


def _bytes(tensor: Tensor) -> memoryview:
    return tensor.reshape(-1).view(torch.uint8).numpy().data
