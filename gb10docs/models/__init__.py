"""A model's weights: number formats, checkpoints, what is in them, their cost in bytes and time. It serves no model."""
