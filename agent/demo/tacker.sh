#!/bin/sh
# OpenStack Tacker's own client for the coordination of life cycle operations (SOL 002 clause 10) against the EMS of a running
# function. Python's packages go beneath target/; no root, nothing outside of loopback.
set -eu
SLUICE=$(realpath "${SLUICE:-target/release/sluice}")
export SLUICE
here=$(realpath "$(dirname "$0")")
tools=$(realpath target)/tacker
[ -e "$tools/installed" ] || {
    python3 -m venv "$tools" && "$tools/bin/pip" install --quiet 'tacker>=16,<17' && touch "$tools/installed"
}
exec timeout 300 "$tools/bin/python" -W ignore "$here/coordinate.py"
