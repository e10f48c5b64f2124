"""User-defined functions: Python code of users, in a process of its own with limits."""
