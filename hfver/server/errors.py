"""Errors raised before the Hub serves anything. Standard library only, so that they can be caught without the extra."""

from __future__ import annotations


class HubSetupError(ValueError):
    """The Hub cannot be started with these settings."""


class NotAHubError(HubSetupError):
    """The folder is not empty and is not an embedded Hub."""


class UnsafeBindingError(HubSetupError):
    """The address can be reached from other machines, and no user has a token."""
