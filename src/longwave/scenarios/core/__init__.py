"""Scenarios of user-facing tasks (section 3.3 of arXiv 2211.09110), one a file."""
