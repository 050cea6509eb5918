"""The report: runs as one HTML file that needs no network, with curves, tables and every trace."""
