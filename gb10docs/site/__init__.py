"""What the site holds besides its pages, written before the build: the build itself executes nothing."""
