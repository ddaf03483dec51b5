"""What a checkpoint really is: told from its headers and its configuration, without reading a weight."""
