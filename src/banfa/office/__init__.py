"""The platform: records acts and serves people."""
