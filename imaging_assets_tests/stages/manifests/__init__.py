"""Labels, winners, tagged days, splits and training sets, over days whose images are texts (`days.py`)."""
