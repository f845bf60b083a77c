"""One FastAPI server over the ports: the Azure AI Search custom skill (`skill/`) and the gallery (`gallery/`).

Belongs here: HTTP. Does not: what a step does (`stages/`), which backend stands behind a port (`backends.py`), the command
(`cli/serve.py`), Dagster. The server starts no runs; it reads what stands and, where editing is allowed, writes label files and
landing blobs as `imaging-assets add` does.
"""
