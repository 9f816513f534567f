"""The engine: a regulation as data, judged act by act. Pure Python, no clock, no database."""
