"""Ports over Azure: Blob Storage, AI Search, Custom Vision. The only folder that imports `azure.*`.

`credentials` signs in, `translation` turns the services' errors into ours; the other modules have the name of the port they serve.
"""
