"""Questions that need more than one run."""
