"""``mirrord run FOLDER`` that freezes at SIGUSR1: a handler that never returns holds up every task, as a bug would."""

import signal
import sys
import time

from mirrord.cli.main import main

FROZEN_SECONDS = 60

signal.signal(signal.SIGUSR1, lambda number, frame: time.sleep(FROZEN_SECONDS))
sys.exit(main(["run", sys.argv[1]]))
