"""Requests in, responses out: bodies, pages, ranges."""
