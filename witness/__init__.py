"""A witness of access logs: a small program of its own that says a log only ever grew. It imports nothing of the
platform and believes nothing it says.
"""
