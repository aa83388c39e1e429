"""The command, from its options to its streams."""
