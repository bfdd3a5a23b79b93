"""How good and how fast a search is on one's own vectors, beside other libraries: ``compare``, and what it measured."""

from nearmost.bench.compare import compare
from nearmost.bench.curve import Comparison, Curve, Point
from nearmost.bench.peers import PEERS

__all__ = ["PEERS", "Comparison", "Curve", "Point", "compare"]
