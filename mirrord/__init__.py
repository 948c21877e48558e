"""mirrord keeps large collections alive on volunteers' spare disks."""
