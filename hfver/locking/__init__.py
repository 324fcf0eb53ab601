"""``hfver.lock`` kept true: from requirements to exact commits, digests and files, and back onto disk."""
