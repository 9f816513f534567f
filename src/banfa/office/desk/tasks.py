"""The pages that have long work, for workers, which read every app's `tasks`."""

from __future__ import annotations

from banfa.office.desk import import_pages, list_pages, round_scores

KINDS_OF = (import_pages, list_pages, round_scores)
