"""The program that makes the table of settings without effect: ``python -m tests.model.compare.metadata``."""
