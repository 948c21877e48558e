"""How records spread: sessions, anti-entropy, blobs, and whom to call next."""
