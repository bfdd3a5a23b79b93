"""Votes made into weak labels with an honest confidence, and what both are worth."""
