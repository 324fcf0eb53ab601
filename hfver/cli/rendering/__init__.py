"""How results look: tables for people, one JSON object for programs."""
