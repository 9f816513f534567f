"""People: organisations, persons, capacities, delegation, rights, accounts and their audit log."""
