"""The lecture's statements as checks: what is claimed, whether it is so, and the numbers.

`run()` computes them; each result has the statement, a verdict (true, true if, wrong), the
condition or the correction, and the facts that show it.
"""

from convariant.analysis.claims._claim import Claim, Fact, Verdict
from convariant.analysis.claims._run import ClaimResult, Claims, claims, iterate, run

__all__ = ["Claim", "ClaimResult", "Claims", "Fact", "Verdict", "claims", "iterate", "run"]
