"""Where compute is spent and billed: the reasoner, its ledger, one generation for each request, and the store."""
