"""Files that were cut, changed or forged: one sentence, and never anything that runs."""

from __future__ import annotations

import json
import math
import os
import random

import pytest
import torch
from tests.compiler.saved import same

import convariant as cv
from convariant.compiler.saving._file import Part, digest
from convariant.errors import CompileError, ConvariantError, ModelFileError


def rewritten(path, target, change):
    """The file with another header; the digests are left as they were."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    change(header)
    encoded = json.dumps(header).encode()
    target.write_bytes(len(encoded).to_bytes(8, "little") + encoded + data[8 + length :])
    return target


def test_every_cut_is_told(saved, tmp_path):
    _, path, _ = saved
    data, cut = path.read_bytes(), tmp_path / "cut"
    for length in (*range(16), 300, len(data) // 2, len(data) - 1):
        cut.write_bytes(data[:length])
        with pytest.raises(ModelFileError, match="is no program that this convariant can load"):
            cv.load(cut)
    cut.write_bytes(data[:300])
    with pytest.raises(ModelFileError, match="no safetensors file, or cut short"):
        cv.load(cut)
    cut.write_bytes(data + b"x")
    with pytest.raises(ModelFileError, match="cut short or something was added"):
        cv.load(cut)


def test_every_changed_byte_is_told(saved, tmp_path):
    _, path, _ = saved
    data, changed = path.read_bytes(), tmp_path / "changed"
    places = torch.randint(len(data), (60,), generator=torch.Generator().manual_seed(0)).tolist()
    length = int.from_bytes(data[:8], "little")
    inside = set(range(data.index(b'"signature"'), data.index(b'"signature"') + 81))
    for place in (*places, 0, 3, 8, 9, length + 8, len(data) - 1):
        if place in inside:
            continue
        changed.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(ModelFileError, match="is no program that this convariant can load"):
            cv.load(changed)


@pytest.mark.parametrize("signature", ["é" * 64, "", 7, None])
def test_a_changed_signature_costs_only_time(saved, tmp_path, signature):
    program, path, x = saved
    other = rewritten(
        path, tmp_path / "other", lambda h: h["__metadata__"].update(signature=signature)
    )
    loaded = cv.load(other)
    assert loaded.cache.hits > 0
    assert same(program, loaded, x)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.pop("__metadata__"), "not marked 'convariant program 5'"),
        (lambda h: h["__metadata__"].update(format="convariant program 9"), "not marked"),
        (lambda h: h["__metadata__"].update(document="{}"), "description has been changed"),
        (lambda h: h["__metadata__"].update(document=7), "has no attribute 'encode'"),
        (lambda h: h["__metadata__"].pop("digest"), "digest"),
        (lambda h: h["weight/scale"].update(shape=[2, 2]), "table of tensors has been changed"),
        (lambda h: h.pop("weight/scale"), "table of tensors has been changed"),
    ],
)
def test_a_changed_header_is_told(saved, tmp_path, change, message):
    _, path, _ = saved
    with pytest.raises(ModelFileError, match=message):
        cv.load(rewritten(path, tmp_path / "changed", change))


def forged(path, target, change):
    """The file with another document, all digests right: as anybody can write it, but for a key."""

    def anew(header):
        metadata = header["__metadata__"]
        document = json.loads(metadata["document"])
        change(document)
        text = json.dumps(document)
        metadata.update(document=text, digest=digest(text.encode()))

    return rewritten(path, target, anew)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threads": 0}, "it is for 0 threads"),
        ({"threads": 10**9}, "it is for 1000000000 threads"),
        ({"threads": "2"}, "it is for '2' threads"),
        ({"tolerance": math.nan}, "its tolerance is nan"),
        ({"tolerance": -1}, "its tolerance is -1"),
        ({"tolerance": None}, "its tolerance is None"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_told(saved, tmp_path, change, message):
    with pytest.raises(ModelFileError, match=message):
        cv.load(forged(saved[1], tmp_path / "forged", lambda d: d.update(change)))


def places(data):
    """Every place in a JSON document, as its container and key."""
    for key in list(data) if isinstance(data, dict) else range(len(data)):
        yield data, key
        if isinstance(data[key], (dict, list)):
            yield from places(data[key])


def test_a_document_of_nonsense_is_a_sentence_whatever_its_digests_say(saved, tmp_path):
    chance, refused = random.Random(0), 0
    nonsense = (None, True, -1, 0, 3, 2**70, 1e300, "x", "relu", [], [[]], {}, {"kind": "Conv"})

    def spoil(document):
        read = (document["graph"], document["weights"], document["native"]["shapes"])
        top = [(document, key) for key in document]
        data, key = chance.choice([*top, *(place for part in read for place in places(part))])
        data[key] = chance.choice(nonsense)

    for _ in range(200):
        file = forged(saved[1], tmp_path / "forged", spoil)
        try:
            cv.load(file)
        except ConvariantError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("header", ["[]", "7", '{"__metadata__": 7}', '{"__metadata__": []}'])
def test_a_header_of_nonsense_is_told(tmp_path, header):
    (tmp_path / "odd").write_bytes(len(header).to_bytes(8, "little") + header.encode())
    with pytest.raises(ModelFileError, match="not marked 'convariant program 5'"):
        cv.load(tmp_path / "odd")


def test_a_header_too_long_is_not_read(saved, monkeypatch):
    monkeypatch.setattr("convariant.compiler.saving._file._LARGEST_HEADER", 100)
    with pytest.raises(ModelFileError, match="no safetensors file"):
        cv.load(saved[1])


def test_a_file_that_shrinks_while_it_is_read_is_told(saved, monkeypatch):
    monkeypatch.setattr(os, "preadv", lambda *_: 0)
    with pytest.raises(ModelFileError, match="its numbers have been changed"):
        cv.load(saved[1])


@pytest.mark.parametrize(
    "constant", [torch.zeros(2, dtype=torch.complex128), torch.zeros(2).to_sparse()]
)
def test_tensors_without_a_form_cannot_be_saved(constant):
    with pytest.raises(CompileError, match="constant 'w' is .* for which the file has no form"):
        Part({"w": constant})


def test_foreign_files_are_told(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(ModelFileError, match="cannot be read: No such file"):
        cv.load(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match="cannot be read: Is a directory"):
        cv.load(tmp_path)
    save_file({"x": torch.zeros(3)}, tmp_path / "weights.safetensors")
    with pytest.raises(ModelFileError, match="not marked 'convariant program 5'"):
        cv.load(tmp_path / "weights.safetensors")
    torch.save({"x": torch.zeros(3)}, tmp_path / "weights.pt")
    with pytest.raises(ModelFileError, match="no safetensors file, or cut short"):
        cv.load(tmp_path / "weights.pt")
