"""mirrord keeps large, rights-cleared collections alive on volunteers' spare disks."""

__version__ = "0.1.0"
