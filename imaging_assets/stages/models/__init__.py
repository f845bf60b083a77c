"""Steps of the group *models*: train when it is worth it, judge fairly, publish only what is better.

`iterations` is the step, `evaluation` the judge (`boxes` where boxes are found, `curves` for both), `registry` the memory of what was
published, by what right, and the way back; `kept_sets` keeps what each model learnt from, and `remembered` judges again by it;
`comparison` sets several trainers beside each other.
"""
