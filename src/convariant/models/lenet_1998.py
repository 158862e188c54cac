"""LeNet-5 as the paper has it: connection table, trainable sub-sampling, radial basis output.

Source: LeCun et al., Gradient-based learning applied to document recognition, 1998, section II-B
and appendix A.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convariant.errors import OptionError
from convariant.models._network import Network
from convariant.models._registry import register
from convariant.models.lenet import centre_on_field

FIELD = 32

# the maps of S2 that each of the 16 maps of C3 sees (the paper's Table I), in groups of equal size
C3_TABLE = (
    ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1)),
    (
        *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2)),
        *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    ),
    ((0, 1, 2, 3, 4, 5),),
)

# the code of each class that F6 should give: a 7x12 picture of the digit, +1 where ink is
DIGITS = """
..###.. ...##.. ..###.. .#####. ....##. ####### ..####. ####### ..###.. ..###..
.##.##. ..###.. .#...#. #.....# ...###. ##..... .##.... ####### .#...#. .##.##.
##...## .####.. ##...## ......# ..#.##. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....## ..#.##. ##..... ##..... .....## ##...## ##...##
##...## ...##.. .....## .....#. .##.##. ######. ##.###. ....##. .#...#. ##...##
##...## ...##.. ....##. ..####. .#..##. .....## ###.### ....##. ..###.. .##.###
##...## ...##.. ...##.. .....#. ##..##. .....## ##...## ...##.. .#...#. ..##.##
##...## ...##.. ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ...##.. .##.... ......# ....##. .....## ##...## ..##... ##...## .....##
##...## ...##.. ##..... ......# ....##. ##...## ##...## ..##... ##...## .....##
.##.##. ...##.. ##..... #.....# ....##. ##...## .##.##. .##.... .#...#. ....##.
..###.. .###### ####### .#####. ....##. .#####. ..###.. .##.... ..###.. .####..
"""


class ScaledTanh(nn.Module):
    """`1.7159 tanh(2x/3)`: maps 1 to 1 and -1 to -1, with the largest curvature there."""

    def forward(self, x: Tensor) -> Tensor:
        """The same shape."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """The sum of each 2x2 window, times one trained coefficient a map, plus one trained bias.

    Shape: `(n, c, h, w) -> (n, c, h/2, w/2)`.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.full((channels, 1, 1), 0.25))  # starts as the mean
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Halve the height and the width."""
        return 4 * F.avg_pool2d(x, 2) * self.coefficient + self.bias


class TableConv2d(nn.Module):
    """A 5x5 convolution in which each output map sees only the input maps that a table names.

    Every group of the table is a gather of channels and a grouped convolution, so there are as
    many weights and multiplications as the table has connections.

    Shape: `(n, ci, h, w) -> (n, co, h - 4, w - 4)`.
    """

    def __init__(self, table: tuple[tuple[tuple[int, ...], ...], ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList()
        for i, maps in enumerate(table):
            seen = torch.tensor([channel for inputs in maps for channel in inputs])
            self.register_buffer(f"seen{i}", seen, persistent=False)
            self.convs.append(nn.Conv2d(len(seen), len(maps), 5, groups=len(maps)))

    def forward(self, x: Tensor) -> Tensor:
        """The maps of all groups, in the order of the table."""
        parts = [conv(x[:, getattr(self, f"seen{i}")]) for i, conv in enumerate(self.convs)]
        return torch.cat(parts, dim=1)


class RadialBasis(nn.Module):
    """Minus the squared distance to the fixed code of each class, `-sum_j (x_j - code_ij)^2`.

    The paper gives the distance itself, the smallest of which wins. Its negative is a logit: the
    paper reads distances as negative log-probabilities, so softmax and cross-entropy apply.

    Shape: `(n, 84) -> (n, num_classes)`.
    """

    codes: Tensor

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("codes", digit_codes()[:num_classes], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """The logits."""
        return -(x[:, None] - self.codes).square().sum(-1)  # (n, classes, 84) -> (n, classes)


class LeNet1998(Network):
    """C1, S2, C3 by table, S4, C5, F6 and the radial basis output, with a squash after each.

    Images smaller than 32x32 are centred on a field of zeros. The paper scales its images so that
    the background is -0.1 and the ink 1.175, which makes the mean about 0 and the deviation 1.
    Train it with `map_loss`: plain cross-entropy saturates on distances of this size. Weights
    start with the deviation `1 / sqrt(fan-in)` that LeCun et al., Efficient BackProp, 1998, give
    for this squash.

    Shape: `(n, in_channels, h, w) -> (n, num_classes)`, h and w at most 32; logits.
    Raises: OptionError, ShapeError.
    """

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(
            num_classes=num_classes, in_channels=in_channels, input_size=(FIELD, FIELD)
        )
        if num_classes > 10:
            raise OptionError(
                f"lenet5_1998 has codes for the ten digits, but got num_classes={num_classes}; "
                "use lenet5 for more classes"
            )
        self.c1 = nn.Conv2d(in_channels, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = TableConv2d(C3_TABLE)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.rbf = RadialBasis(num_classes)
        self.squash = ScaledTanh()
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.normal_(module.weight, std=module.weight[0].numel() ** -0.5)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """The logits of each image: minus the distances of F6 to the codes."""
        self._check_images(images)
        if max(images.shape[-2:]) > FIELD:
            raise self._refuse_size(images, "takes images of at most 32x32", "resize them")
        x = centre_on_field(images, FIELD)  # (n, ci, 32, 32)
        x = self.squash(self.c1(x))  # (n, 6, 28, 28)
        x = self.squash(self.s2(x))  # (n, 6, 14, 14)
        x = self.squash(self.c3(x))  # (n, 16, 10, 10)
        x = self.squash(self.s4(x))  # (n, 16, 5, 5)
        x = self.squash(self.c5(x)).flatten(1)  # (n, 120)
        x = self.squash(self.f6(x))  # (n, 84)
        return self.rbf(x)  # (n, num_classes)

    def connections(self) -> dict[str, int]:
        """Connections of each layer as the paper counts them: a weight counts wherever it is used.

        >>> lenet5_1998().connections()["C3"], sum(lenet5_1998().connections().values())
        (151600, 340908)
        """

        def trained(layer: nn.Module) -> int:
            return sum(parameter.numel() for parameter in layer.parameters())

        return {
            "C1": trained(self.c1) * 28 * 28,
            "S2": 6 * (4 + 1) * 14 * 14,  # four inputs and a bias for every unit
            "C3": trained(self.c3) * 10 * 10,
            "S4": 16 * (4 + 1) * 5 * 5,
            "C5": trained(self.c5),
            "F6": trained(self.f6),
            "RBF": self.rbf.codes.numel(),
        }


def digit_codes() -> Tensor:
    """The ten codes, `(10, 84)`, each the rows of a 7x12 picture, +1 for ink and -1 for none."""
    rows = [line.split() for line in DIGITS.split("\n") if line]  # 12 rows of 10 pieces
    pictures = ["".join(row[digit] for row in rows) for digit in range(10)]
    return torch.tensor([[1.0 if ink == "#" else -1.0 for ink in text] for text in pictures])


def map_loss(logits: Tensor, labels: Tensor, *, rubbish: float = 1.0) -> Tensor:
    """The paper's criterion (equation 9): cross-entropy with one more class, "rubbish".

    `mean(y_label + log(exp(-rubbish) + sum_i exp(-y_i)))` of the distances `y = -logits`: the
    constant distance of the extra class keeps classes that are already far from being pushed
    further away.

    Shape: `(n, num_classes), (n,) -> ()`.
    """
    extra = logits.new_full((len(logits), 1), -rubbish)
    return F.cross_entropy(torch.cat((logits, extra), dim=1), labels)


@register(
    input_size=(FIELD, FIELD),
    params=60_000,
    macs=325_680,
    paper="LeCun et al., Gradient-based learning applied to document recognition, 1998",
)
def lenet5_1998(*, num_classes: int = 10, in_channels: int = 1) -> LeNet1998:
    """LeNet-5 in the form of 1998; `lenet5` is the modern one.

    >>> network = lenet5_1998()
    >>> sum(p.numel() for p in network.parameters()), sum(network.connections().values())
    (60000, 340908)
    """
    return LeNet1998(num_classes, in_channels)
