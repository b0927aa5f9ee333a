"""`write.py MODULE DRIVER`: a numbered row every 10 ms through the module's `insert_order`, until it is killed.

Prints `driver VERSION`, `ack NUMBER` and `error CODE MESSAGE`, a line each.
"""

import importlib
import os
import sys
import time

module = importlib.import_module(sys.argv[1])
client = int(os.environ["CLIENT"])
print("driver", sys.modules[sys.argv[2]].__version__.split(" ")[0], flush=True)
number = 0
while True:
    number += 1
    try:
        module.insert_order(client, number)
        print("ack", number, flush=True)
    except Exception as error:
        code = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or type(error).__name__
        print("error", code, " ".join(str(error).split()), flush=True)
    time.sleep(0.01)
