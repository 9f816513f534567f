"""办法: a regulation is a file, a centre's life is a list of acts, all else is derived."""

__version__ = "0.1.0"
