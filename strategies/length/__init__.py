"""Choose samples by the length of their thinking."""
