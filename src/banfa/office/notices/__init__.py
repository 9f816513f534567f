"""Notices: what people are told, in the office and by mail; reminders; the calendar of deadlines.

The other parts of the office call `verbs.tell`; the ledger's outbox is taken up by a job. Jobs run
in `banfa worker` (procrastinate, in the same database).
"""
