"""Start the gateway: `python run_api.py --host 127.0.0.1 --port 8080 --config gateway.yaml`."""

import sys

from trainyard_gateway.__main__ import main

sys.exit(main())
