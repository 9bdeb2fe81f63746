"""What the writer does, one module a use case; pure text work beside it."""
