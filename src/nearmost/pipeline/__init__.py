"""Corpora of any size made into indexes."""
