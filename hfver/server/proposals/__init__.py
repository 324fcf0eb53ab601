"""Pull requests and discussions."""
