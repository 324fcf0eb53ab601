"""What the Hub's API cannot do and git can: fetching a whole history, and pushing a merge commit."""
