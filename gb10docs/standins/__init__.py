"""What a machine supplies in place of what a page names and the machine cannot have."""
