"""Figures of centres: indicator systems on file, values by three hands, scoring runs."""
