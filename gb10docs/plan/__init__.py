"""What runs here, what is replaced or skipped, and why. It starts nothing."""
