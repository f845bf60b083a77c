"""Speed measured on real work, one module per part; run by `make bench` and never by tests."""
