"""Every release of a repo checked at once, over git."""
