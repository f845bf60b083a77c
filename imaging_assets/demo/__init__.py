"""Demo data: pictures and the story of their days, drawn by our own code from a fixed seed.

`scenes` paints, `pictures` photographs and encodes, `story` says what lands when, `digits` does the same with the real
handwritten digits that scikit-learn brings. Nothing here knows Dagster, Azure or a store: the caller writes the files.
"""
