"""The bot as a program, with its clock of edits going faster: `python bot_hurried.py 10 --config
bot.yaml`.

The smallest time between two edits of a message is 5 s and no setting makes it shorter; tests do
not wait so long.
"""

from __future__ import annotations

import sys
import time

from trainyard_bot.__main__ import main

if __name__ == "__main__":
    hurry = float(sys.argv[1])
    sys.exit(main(sys.argv[2:], edit_clock=lambda: hurry * time.monotonic()))
