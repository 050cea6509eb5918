"""Learned tokens as files: what one holds, where it is found, and the ones that come with this package."""
