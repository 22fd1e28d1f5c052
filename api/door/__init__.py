"""The browser's way in and out: an identity provider's word, a key in somebody's hand, and one cookie."""
