"""Analysers over pictures whose truth is known."""
