"""The authorisation server for our own apps, and the credentials a request may bring."""
