"""Adapters of Azure, over HTTP against local servers that keep to Microsoft's contract."""
