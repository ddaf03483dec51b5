"""Serving systems as processes, and the environments that hold what clashes with our own packages."""
