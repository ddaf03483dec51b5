"""What a machine supplies in place of what it cannot have: models, a hub, answers. It decides nothing."""
