"""What must not be shown: secrets, tokens, names of places, and how they are masked. It keeps nothing."""
