"""Think less, or not at all."""
