"""One run: the world, its phases, its invariants, and the Mesa model."""
