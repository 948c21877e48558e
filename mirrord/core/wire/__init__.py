"""What peers say: messages, their bytes, and frames."""
