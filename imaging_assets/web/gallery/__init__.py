"""The gallery: pages over the search index and the manifests, server-rendered, with a little JavaScript of our own.

A page is a route module and a template of the same name; `view` is the question behind a results page (and its URL), `pages` renders,
`files` sends pictures. All pages read what stands; `unsure` and `upload` write label files and landing blobs, and only for editors.
"""
