"""Tensors of ONNX files as torch tensors; every size is checked before memory is asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from onnx import TensorProto
from torch import Tensor

from convariant.errors import GraphError, ModelFileError

# what one constant may take: the most that a protobuf file can hold
LARGEST_CONSTANT = 2**31

DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.INT64: torch.int64,
    TensorProto.INT32: torch.int32,
    TensorProto.INT16: torch.int16,
    TensorProto.INT8: torch.int8,
    TensorProto.UINT64: torch.uint64,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT16: torch.uint16,
    TensorProto.UINT8: torch.uint8,
    TensorProto.BOOL: torch.bool,
    TensorProto.COMPLEX64: torch.complex64,
    TensorProto.COMPLEX128: torch.complex128,
}
ONNX_TYPES = {dtype: code for code, dtype in DTYPES.items()}

# number formats that the file may spell as a list of wider numbers: the list, and how it is stored
_LISTS: dict[torch.dtype, tuple[str, torch.dtype]] = {
    torch.float32: ("float_data", torch.float32),
    torch.complex64: ("float_data", torch.float32),
    torch.float64: ("double_data", torch.float64),
    torch.complex128: ("double_data", torch.float64),
    torch.int64: ("int64_data", torch.int64),
    torch.uint64: ("uint64_data", torch.uint64),
    torch.uint32: ("uint64_data", torch.uint32),
    # half floats come as their bits
    torch.float16: ("int32_data", torch.uint16),
    torch.bfloat16: ("int32_data", torch.uint16),
}

_NUMBERS = (
    ("value_float", "f", torch.float32),
    ("value_floats", "floats", torch.float32),
    ("value_int", "i", torch.int64),
    ("value_ints", "ints", torch.int64),
)


def dtype_of(code: int, who: str) -> torch.dtype:
    """The torch number format of an ONNX type code."""
    if code not in DTYPES:
        known = TensorProto.DataType.values()
        name = TensorProto.DataType.Name(code) if code in known else f"number {code}"
        raise GraphError(
            f"{who} has the ONNX data type {name}, for which PyTorch has no tensor to compute "
            "with; convert it to float32"
        )
    return DTYPES[code]


def check_size(shape: Sequence[int], dtype: torch.dtype, who: str) -> int:
    """The bytes that a constant takes; raises ModelFileError for impossible ones."""
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0:
        raise ModelFileError(f"{who} has the shape {list(shape)}; no axis can be negative")
    if size > LARGEST_CONSTANT:
        raise ModelFileError(
            f"{who} would take {size:,} bytes as {list(shape)}; a constant may take "
            f"{LARGEST_CONSTANT:,}, so the file is broken"
        )
    return size


def to_tensor(proto: onnx.TensorProto, folder: Path | None, who: str) -> Tensor:
    """The values of a TensorProto, inside the file or beside it."""
    dtype = dtype_of(proto.data_type, who)
    shape = tuple(proto.dims)
    size = check_size(shape, dtype, who)
    if proto.data_location == TensorProto.EXTERNAL:
        return _from_bytes(_external(proto, folder, size, who), shape, dtype)
    if proto.HasField("raw_data"):
        raw = proto.raw_data
        if len(raw) != size:
            raise ModelFileError(
                f"{who} says {list(shape)} of {dtype}, {size} bytes, but holds {len(raw)}; the "
                "file is damaged"
            )
        return _from_bytes(bytearray(raw), shape, dtype)
    return _from_list(proto, shape, dtype, who)


def to_dense(sparse: onnx.SparseTensorProto, folder: Path | None, who: str) -> Tensor:
    """The values of a SparseTensorProto with its zeros filled in."""
    values = to_tensor(sparse.values, folder, who)
    index = to_tensor(sparse.indices, folder, who)
    shape = tuple(sparse.dims)
    check_size(shape, values.dtype, who)
    if index.dim() == 2 and index.shape[1] == len(shape):
        steps = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        index = (index * torch.tensor(steps)).sum(1)
    outside = index.numel() and not 0 <= int(index.min()) <= int(index.max()) < math.prod(shape)
    if index.shape != values.shape or outside:
        raise ModelFileError(
            f"{who} has indices {list(index.shape)} for {list(values.shape)} values of "
            f"{list(shape)}, or indices outside it; the file is damaged"
        )
    dense = torch.zeros(math.prod(shape), dtype=values.dtype)
    dense[index] = values
    return dense.reshape(shape)


def constant_value(node: onnx.NodeProto, folder: Path | None, who: str) -> Tensor:
    """What a Constant node holds, in any of the ways to spell it."""
    attributes = {a.name: a for a in node.attribute}
    if "value" in attributes:
        return to_tensor(attributes["value"].t, folder, who)
    if "sparse_value" in attributes:
        return to_dense(attributes["sparse_value"].sparse_tensor, folder, who)
    for name, field, dtype in _NUMBERS:
        if name in attributes:
            numbers = getattr(attributes[name], field)
            return torch.tensor(list(numbers) if name.endswith("s") else numbers, dtype=dtype)
    raise GraphError(
        f"{who} holds {', '.join(attributes) or 'nothing'}; only numbers can be computed with: "
        "remove strings from the graph"
    )


def _from_bytes(raw: bytearray, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    if not raw:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(raw, dtype=dtype).reshape(shape)


def _from_list(
    proto: onnx.TensorProto, shape: tuple[int, ...], dtype: torch.dtype, who: str
) -> Tensor:
    field, stored = _LISTS.get(dtype, ("int32_data", dtype))
    numbers = getattr(proto, field)
    expected = math.prod(shape) * (2 if dtype.is_complex else 1)
    if len(numbers) != expected:
        raise ModelFileError(
            f"{who} says {list(shape)}, {expected} numbers, but holds {len(numbers)}; the file is "
            "damaged"
        )
    if stored == torch.bool:
        numbers = [bool(n) for n in numbers]
    try:
        tensor = torch.tensor(list(numbers), dtype=stored)
    except (RuntimeError, OverflowError) as error:
        raise ModelFileError(f"{who} holds numbers that {dtype} cannot: {error}") from error
    return tensor.view(dtype).reshape(shape)


def _external(proto: onnx.TensorProto, folder: Path | None, size: int, who: str) -> bytearray:
    """The bytes of a tensor kept in a file of its own, which must lie in the model's folder."""
    entries = {entry.key: entry.value for entry in proto.external_data}
    location = entries.get("location", "")
    if folder is None:
        raise ModelFileError(
            f"{who} is kept in another file, {location!r}; pass the path of the model instead of "
            "its bytes, or save it with its weights inside"
        )
    path = _inside(folder, location)
    if path is None:
        raise ModelFileError(
            f"{who} is kept in {location!r}, which is no file inside the model's folder {folder}; "
            "put the file itself, no link, beside the model"
        )
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    except ValueError as error:
        raise ModelFileError(f"{who} names a place in {location!r} by no number") from error
    if offset < 0 or length != size or offset + size > path.stat().st_size:
        raise ModelFileError(
            f"{who} needs {size} bytes at {offset} of {location!r}, but the file names {length} of "
            f"{path.stat().st_size}; the file is cut off or belongs to another model"
        )
    raw = bytearray(size)
    with path.open("rb") as file:
        file.seek(offset)
        file.readinto(raw)
    return raw


def _inside(folder: Path, location: str) -> Path | None:
    """The file of that name if it truly lies in the folder, links followed."""
    try:
        home = folder.resolve()
        path = (home / location).resolve()
        return path if path.is_relative_to(home) and path.is_file() else None
    except (OSError, RuntimeError, ValueError):  # too long a name, links in a circle, a zero byte
        return None
