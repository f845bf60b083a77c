"""Label formats: what tools write, read into one record and written back."""
