"""Steps of the group *insights*: what can be said about an image without the user's tags.

Belongs here: vectors (`vectors.py`), every other step (`steps.py`), their order (`plan.py`). Does not: how an image is read
(`ports/analyzer.py` and its implementations).
"""
