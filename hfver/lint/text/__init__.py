"""Shell scripts, Dockerfiles and YAML: find the commands and URIs that load without a commit."""
