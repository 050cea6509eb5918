"""Answer again, with earlier answers in the prompt."""
