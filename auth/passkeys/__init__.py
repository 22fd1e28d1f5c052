"""Keys people hold and show: passkeys of citizens, security keys of officers (WebAuthn)."""
