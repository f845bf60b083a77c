"""Steps of the group *images*: the inventory of a day (`raw`, `landing`), then each image within its limits (`resized`).

Of one image, knowing neither days nor stores, in the order of the work: `engine` (where), `sandbox` (in a process of its own), `encode`
(what becomes of it), `facts`, `profiles`, `decode` into `pixels`, `looks` with `hashing`, `fit` or `rewrite`. Of many: `duplicates`,
`contact_sheet`. `recipe` names what all this depends on.
"""
