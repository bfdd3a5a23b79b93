"""Lookup lists: their files, the module that code imports them from, and their terms found in texts."""
