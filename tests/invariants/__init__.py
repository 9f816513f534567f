"""What must hold of every life, whatever is tried: one module for each programme."""
