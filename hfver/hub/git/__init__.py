"""What only git can do: fetch a whole history, and push with a lease."""
