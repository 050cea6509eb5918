"""Stop one trace early."""
