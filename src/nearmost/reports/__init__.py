"""How good predictions are: ``report(truth, predicted)``, as text, JSON, CSV and one HTML page.

``outcomes`` checks and numbers what is handed in, ``tally`` counts (and resamples), ``curves`` looks at scores,
``confusion`` at classes; ``report`` is all of it together, ``wording``, ``drawing`` and ``page`` show it;
``robustness`` asks how much noise costs.
"""

from nearmost.reports.report import Confusion, Report, report
from nearmost.reports.robustness import Robustness, robustness

__all__ = ["Confusion", "Report", "Robustness", "report", "robustness"]
