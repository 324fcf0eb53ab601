"""Audit all releases of a repo at once, through a git clone without weights.

``audit`` runs the audit, ``evidence`` collects what git shows of each release, ``evidence_checks`` holds the checks
that every release must pass, and ``refs`` looks at the branches.
"""
