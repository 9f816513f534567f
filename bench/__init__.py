"""Measurements of Banfa against plain hand-written Python, in the same process."""
