"""Starts gcp-storage-emulator on a port that the system picks, and says which: its own command cannot."""

import threading

from gcp_storage_emulator.server import create_server

emulator = create_server("127.0.0.1", 0, in_memory=True, default_bucket="bkt")
emulator.start()
print("http://127.0.0.1:%d" % emulator._api._httpd.server_address[1], flush=True)
threading.Event().wait()
