"""What votes: files of code or settings, approved, previewed and run."""
