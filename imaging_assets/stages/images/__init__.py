"""Steps of the group *images*: the inventory of a day (`raw`), then each image within its limits (`resized`).

`encode` and `hashing` work on one image and know neither days nor stores.
"""
