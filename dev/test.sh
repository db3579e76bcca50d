#!/usr/bin/env bash
# Runs every test, those on the real cluster beside the others. What they need is built first, so that no
# test's time is spent on building; a cluster that they brought up goes again, however they end.
set -euo pipefail
cd "$(dirname "$0")/.."

# Most tests wait for something rather than compute: more processes than the two cores that it was tried on.
readonly processes=3

cluster() { .venv/bin/python -m dev.cluster "$@"; }

if [[ ! -e "$(cluster kubeconfig)" ]]; then
    trap 'cluster down 2>/dev/null || cluster down' EXIT
fi
cluster programs >/dev/null
cluster images >/dev/null
.venv/bin/python -m pytest --numprocesses="$processes" --dist=loadgroup --no-loadscope-reorder "$@"
