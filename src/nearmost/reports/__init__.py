"""How good predictions are: ``report(truth, predicted)``, as text, JSON, CSV and one HTML page.

``outcomes`` checks and numbers what is handed in, ``tally`` counts (and resamples), ``curves`` looks at scores,
``report`` is all of it together, ``wording`` and ``page`` show it, ``drawing`` makes the page's pictures.
"""

from nearmost.reports.report import Confusion, Report, report

__all__ = ["Confusion", "Report", "report"]
