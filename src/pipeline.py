"""The one entry point of dvc.yaml: ``python src/pipeline.py <stage> [item]``.

Run as a file, so that imports come from this checkout also inside the temporary copies that `dvc exp run --temp` and
the queue workers make; an editable install would run the main checkout's code there.
"""

import sys

from standin.stages import runner

if __name__ == "__main__":
    sys.exit(runner.main(sys.argv[1:]))
