"""The FPGA's workshop: `python -m hil.fpga regs` or `python -m hil.fpga synth`.

regs writes what is made from regs.yaml. synth fits the RTL on an iCE40 UP5K by yosys and nextpnr
and prints cells and Fmax; it ends with 1 if it does not reach the clock.
"""

from __future__ import annotations

import sys

from hil.fpga import generate


def main(arguments: list[str]) -> int:
    """Do what is named; return the exit status."""
    if arguments == ["regs"]:
        for path in generate.write():
            print(path)
        return 0
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
