"""Existing centres from a list: a file is read, judged row by row, and entered."""
