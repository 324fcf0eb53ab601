"""A repo's releases as they stand on a Hub: reading, resolving, checking and appending."""
