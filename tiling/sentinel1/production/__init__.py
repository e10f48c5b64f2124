"""A whole run: plan, tasks, resumption, report."""
