"""What people are asked: the order, the queue of a day, the files, many days as one."""
