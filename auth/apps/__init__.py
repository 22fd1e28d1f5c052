"""Our own apps, on phones and in browsers: how they sign people in, and the tokens they then present."""
