"""Records found by a line of conditions, and what people see of them."""
