"""The Azure AI Search custom skill: `POST /api/extraction` and `POST /api/skill/{step}`.

A call goes through `routes` (key, size, time), `admission` (how many at once), `contract` (records in, records out), `images` and `fetch`
(where a record's image is), `batcher` (which thread works on it) and a step of `steps`. `follower` knows which model serves.

Contract: learn.microsoft.com/azure/search/cognitive-search-custom-skill-web-api.
"""
