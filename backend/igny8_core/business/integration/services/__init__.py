"""Use cases of integration, one module each."""
