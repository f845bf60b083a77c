"""What people should look at next.

The choice (`ranking`), a day's queue (`queues`), the files people open (`tasks`), many days as one list (`export`).

Belongs here: everything between predictions and a person. Does not: what people answer; that comes back as a label file.
"""
