"""One model folder, without a Hub: what it holds, how it runs, what it came from, how two of them differ."""
