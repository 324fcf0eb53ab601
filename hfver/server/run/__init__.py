"""Running a Hub: in a thread of this process, or as a server of its own."""
