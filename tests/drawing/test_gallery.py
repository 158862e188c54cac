"""The gallery in docs/ is what the code draws."""

from pathlib import Path

from convariant.drawing import gallery

DOCS = Path(__file__).parents[2] / "docs"


def test_the_gallery_is_up_to_date(tmp_path):
    written = gallery.write(tmp_path)
    assert len(written) > 30
    for path in written:
        kept = DOCS / path.relative_to(tmp_path)
        assert kept.read_text() == path.read_text(), f"{kept.name} is old: run make figures"
    kept = {p.name for p in (DOCS / "pictures").glob("*.svg")}
    drawn = {p.name for p in written if p.suffix == ".svg"}
    assert drawn <= kept


def test_no_figure_overwrites_another(tmp_path):
    names = [f.draw().name for figures in gallery.sections().values() for f in figures]
    assert len(set(names)) == len(names)
