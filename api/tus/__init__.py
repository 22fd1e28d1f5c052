"""Uploads over HTTP by tus 1.0, and whole by PUT."""
