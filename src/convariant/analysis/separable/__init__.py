"""How separable the convolutions of a network are, and networks made of the separated ones."""

from convariant.analysis.separable._chains import FORMS, Form
from convariant.analysis.separable._factorize import factorize, mobilize
from convariant.analysis.separable._hidden import HiddenGroup
from convariant.analysis.separable._report import (
    FormReport,
    LayerSeparability,
    Separability,
    separability,
)
from convariant.analysis.separable._steps import restructure
from convariant.analysis.separable._surgery import LayerChange, Surgery

__all__ = [
    "FORMS",
    "Form",
    "FormReport",
    "HiddenGroup",
    "LayerChange",
    "LayerSeparability",
    "Separability",
    "Surgery",
    "factorize",
    "mobilize",
    "restructure",
    "separability",
]
