"""What heuristics said of records and what became of it, as arrays and as rows of the database."""
