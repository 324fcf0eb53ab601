"""Speed, measured against peers in the same run: ratios mean something on any machine, seconds do not."""
