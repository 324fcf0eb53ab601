"""Publishing: a checkpoint folder becomes a version, from choosing the version to its commit, tag and ledger line."""
