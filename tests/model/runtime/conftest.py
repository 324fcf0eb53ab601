"""The same adapter and copies as the smoke eval's tests."""

from tests.model.smoke.conftest import adapter, copy, one_thread

__all__ = ["adapter", "copy", "one_thread"]
