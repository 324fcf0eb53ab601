"""Python source and notebooks: find the calls that load without a commit, and add the commit to them."""
