"""Steps of the group *manifests*: what people said about images, and what follows for training.

`sources` names label files, `formats` reads them, `matching` finds the image a line means, `winners` decides between statements. The
steps are `labels`, `tagged` and `training_sets`; `splits` remembers which image is trained on and which is only scored.
"""
