"""Pictures of convolution and its compiler, drawn from the live objects: SVG, PNG, GIF and HTML.

Nothing here needs the network, a font file or a script from elsewhere.
"""

from convariant.drawing._architecture import architecture
from convariant.drawing._arithmetic import arithmetic
from convariant.drawing._blocks import block
from convariant.drawing._chain import chain
from convariant.drawing._costs import costs
from convariant.drawing._curves import symmetry_curves
from convariant.drawing._fields import receptive_field
from convariant.drawing._learned import feature_maps, filters, spectrum
from convariant.drawing._matrix import toeplitz
from convariant.drawing._picture import Picture
from convariant.drawing._report import NetworkReport, report
from convariant.drawing._unet import unet
from convariant.drawing._volumes import groups
from convariant.drawing.compiled import arena, compilation, roofline

__all__ = [
    "NetworkReport",
    "Picture",
    "architecture",
    "arena",
    "arithmetic",
    "block",
    "chain",
    "compilation",
    "costs",
    "feature_maps",
    "filters",
    "groups",
    "receptive_field",
    "report",
    "roofline",
    "spectrum",
    "symmetry_curves",
    "toeplitz",
    "unet",
]
