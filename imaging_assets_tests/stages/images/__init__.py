"""Tests of the group *images*: one file per module of `stages/images`, and the corpus of files that broke others."""
