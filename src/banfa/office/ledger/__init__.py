"""The ledger: acts, documents, the hash chain, projections. The door is `verbs.record`."""
