"""A repo's releases on a Hub: reading its state, resolving references, checking releases, appending to the ledger."""
