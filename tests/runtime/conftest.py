"""The same healthy models as the smoke eval's tests."""

from tests.smoke.conftest import adapter, copy, healthy, one_thread

__all__ = ["adapter", "copy", "healthy", "one_thread"]
