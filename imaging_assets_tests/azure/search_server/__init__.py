"""A local Azure AI Search for tests and `make azure-local`: real HTTP, faithful to the contract of the data plane.

Belongs here: the service. Does not: our adapter's tests. `server` speaks HTTP and breaks things on demand, `service` holds indexes and
aliases, `index` one index's schema and documents, `searching` answers queries with `filters` (OData) and `texts` (analysis, Lucene syntax).

It knows what imaging_assets uses and answers 400 to the rest, so that a test never passes because something was ignored. Limits,
status codes, partial failures, etags, alias propagation and delayed visibility are the service's (`shared/facts`, Microsoft's OpenAPI);
where the OpenAPI files lie beside the repository, every request and response is checked against them.
"""
