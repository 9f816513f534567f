"""Work among people: opinions, routing within an organisation, copies, notes, and the lists of work."""
