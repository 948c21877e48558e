"""What is signed: identities, kinds of record, their bytes, and the set that keeps the newest."""
