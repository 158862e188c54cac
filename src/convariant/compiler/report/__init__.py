"""What a program does, step by step: algorithm and why, time, share of the machine's limit, error.

`_measure` runs it and fills in the `_rows`, with the `_errors` of each step; `_text` and `_page`
show them.
"""

from convariant.compiler.report._measure import make_report
from convariant.compiler.report._rows import Report, ReportRow

__all__ = ["Report", "ReportRow", "make_report"]
