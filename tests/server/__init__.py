"""Tests of the embedded Hub: real clients against the real server on loopback."""
