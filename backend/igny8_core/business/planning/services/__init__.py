"""What the planner does, one module for each use case."""
