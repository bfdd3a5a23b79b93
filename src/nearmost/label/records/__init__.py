"""Records: brought in, kept, indexed word by word and as vectors."""
