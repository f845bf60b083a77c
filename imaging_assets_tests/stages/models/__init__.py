"""The judge, the registry and the iterations, over a trainer and a predictor that are told what to answer (`doubles.py`)."""
