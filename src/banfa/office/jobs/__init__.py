"""Long work in the background: seen as it goes, stopped when its owner says so."""
