"""Pictures of what the compiler does, drawn from its graphs, plans, kernels and reports."""

from convariant.drawing.compiled._arena import arena
from convariant.drawing.compiled._compilation import compilation
from convariant.drawing.compiled._minimal import minimal_filtering
from convariant.drawing.compiled._roofline import roofline
from convariant.drawing.compiled._strips import strips
from convariant.drawing.compiled._tile import register_tile

__all__ = ["arena", "compilation", "minimal_filtering", "register_tile", "roofline", "strips"]
