"""Dossiers: what somebody prepares for an act, until it is submitted and after."""
