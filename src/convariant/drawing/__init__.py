"""Pictures of convolution, drawn from the live operators: SVG, PNG, GIF and HTML.

Nothing here needs the network, a font file or a script from elsewhere.
"""

from convariant.drawing._arithmetic import arithmetic
from convariant.drawing._picture import Picture

__all__ = ["Picture", "arithmetic"]
