"""Stop sampling once the vote is settled."""
