"""The public functions: what ``import hfver`` offers, and what the command line calls.

They take strings and paths, open the Hub, and return values. The parameter ``hub`` means the same everywhere: None for
huggingface_hub's default (``HF_ENDPOINT`` or huggingface.co), a URL, or the folder of an embedded Hub, which then runs
on loopback for that one call.
"""
