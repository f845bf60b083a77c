"""Frozen values that travel between steps, ports and backends, one module per asset group.

Belongs here: plain dataclasses and literals with no behaviour beyond their own consistency.
Does not: tables of a day (`stages/tables.py`), settings (`settings.py`), anything that reads or writes.
"Model" always means the trained thing.
"""
