"""Scenarios that probe one skill or risk (section 5 of arXiv 2211.09110), one a file."""
