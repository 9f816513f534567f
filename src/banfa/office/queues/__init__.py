"""Work among people: opinions, routing in an organisation, copies, notes, lists of work."""
