"""What can go wrong before a Hub serves anything; needs no third-party package."""

from __future__ import annotations


class HubSetupError(ValueError):
    """The Hub cannot be started as asked."""


class NotAHubError(HubSetupError):
    """The folder holds something, and it is not an embedded Hub."""


class UnsafeBindingError(HubSetupError):
    """The address is reachable from other machines, and nobody has a token."""
