"""The kinds of index: how rows lie and how the nearest are found among them; flat, partition, graph."""
