"""What people say: tasks with their labels, what was labelled by hand, comments."""
