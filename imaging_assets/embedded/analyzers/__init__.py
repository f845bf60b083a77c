"""Analysers that need nothing but this machine: tags, texts, faces, and what is made of faces.

Belongs here: one module per analyser. Does not: which step uses which (`imaging_assets/analyzers.py`), vectors (`../analyzer.py`).
"""
