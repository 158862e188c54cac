"""The engines that a compiled program is compared with, each in a process of its own.

`prepare` writes a network in the forms that engines read; `race` runs them on it in turn.
"""

from convariant.compiler.peers._engines import ENGINES, Engine, installed
from convariant.compiler.peers._prepare import Files, prepare
from convariant.compiler.peers._race import Lap, race

__all__ = ["ENGINES", "Engine", "Files", "Lap", "installed", "prepare", "race"]
