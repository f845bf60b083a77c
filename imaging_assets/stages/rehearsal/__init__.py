"""A rehearsal of the days that are behind: the real steps, over a store that only remembers and ports that only count.

Belongs here: what stands in for a port, and the order of the steps. Does not: what is printed (`cli/plan.py`), stand-ins for a service's
own calls (`azure/custom_vision/rehearsal.py`, `azure/search_rehearsal.py`).
"""
