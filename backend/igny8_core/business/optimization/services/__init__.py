"""What becomes of optimisations."""
