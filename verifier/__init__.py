"""An independent check of the access log. It imports nothing of the platform: copy the one file and run it."""
