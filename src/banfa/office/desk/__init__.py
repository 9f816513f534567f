"""The desk: pages for people. Thin views over the ledger's queries and verbs."""
