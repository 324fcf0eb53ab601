"""Consumers: would what somebody built on the older side break with the newer one?

One module per kind. Each reads what it needs of the consumer once, and returns a function that judges one change.
"""

from hfver.api.consumers.check import check_consumers

__all__ = ["check_consumers"]
