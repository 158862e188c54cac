"""The gallery in docs/ is what the code draws."""

import re
import sys
from pathlib import Path

import pytest

from convariant.drawing import gallery
from convariant.errors import MissingDependencyError

DOCS = Path(__file__).parents[2] / "docs"


def text_of(path):
    """What a picture says, without pixels, whose packing differs from one Pillow to the next."""
    return re.sub(r"base64,[^\"]*", "", path.read_text())


def test_the_gallery_is_up_to_date(tmp_path):
    written = gallery.write(tmp_path)
    assert len(written) > 30
    for path in written:
        kept = DOCS / path.relative_to(tmp_path)
        assert text_of(kept) == text_of(path), f"{kept.name} is old: run make figures"
    kept = {p.name for p in (DOCS / "pictures").glob("*.svg")}
    drawn = {p.name for p in written if p.suffix == ".svg"}
    assert drawn <= kept
    figures = sum(len(section) for section in gallery.sections().values())
    assert len(drawn) == figures, "two figures have one name"


def test_without_scikit_image_the_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.data", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'convariant\[test\]'"):
        gallery._field_of_resnet()
