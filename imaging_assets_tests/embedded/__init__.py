"""What is special about the embedded backends; what every backend promises is in `contracts/`."""
