"""The systems that are measured side by side, each a process of its own that reads the files it is told to."""
