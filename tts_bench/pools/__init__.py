"""Outputs that other programs recorded: read from their files, kept in one file of a run, found again by problem."""
