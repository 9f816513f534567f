"""The demonstration: made-up centres at different points of their lives, on a fictional day.

Each programme has one history file here, in the form of a case file; `loader` records them.
"""

import datetime as dt
from pathlib import Path

TODAY = dt.date(2030, 11, 15)
FOLDER = Path(__file__).resolve().parent
