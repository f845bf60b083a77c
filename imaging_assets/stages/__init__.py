"""What each step does: plain functions over records and ports. No Dagster, no Azure, no environment.

Belongs here: the rules of the pipeline, one module or folder per asset group, `state.py` (when is a day done) and `tables.py`
(the columns of every manifest). Does not: how a step is scheduled (`defs/`) or where bytes live (`embedded/`, `azure/`).
"""
