"""Run the stock TDF clients against our files and our key-access service.

Usage: ``./start conformance tdf [--json] [--only WORD]``. The clients are the public Go SDK and the
package otdf-python, both from their coordinates (``tests/conformance/tdf``). What is missing is
said and counts as unavailable (exit 5), never as passed.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.conformance.tdf.suite import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
