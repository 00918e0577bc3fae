"""What results mean, computed from files alone."""
