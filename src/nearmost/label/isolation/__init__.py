"""Runs the code of heuristics in a process of its own, which can do no harm: ``process.run``."""
