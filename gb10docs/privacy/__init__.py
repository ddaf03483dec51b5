"""What must not be shown: secrets, tokens, and the text that masks them. It writes nothing."""
