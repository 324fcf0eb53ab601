"""A folder becomes a version: what goes out, which version it is, the commit, its tag and its ledger line."""
