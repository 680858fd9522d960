"""`torchrun … -m brushwork.trainers METHOD …`: `brushwork train`, in every process of a run over several."""

import sys

from ..cli.main import main  # an entry point like the root's __main__: nothing imports it

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
