"""The folder of a project: its settings, its database, and the log of what was changed."""
