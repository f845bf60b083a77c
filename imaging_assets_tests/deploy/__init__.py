"""What is in `deploy/`, proved as far as a machine without a cloud or a Docker engine can prove it."""
