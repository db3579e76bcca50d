#!/usr/bin/env bash
# Runs every test, or those of the paths given, the ones on the real cluster beside the others. Programs are
# built first, so that no test's time is spent on that; a cluster that was brought up goes again, however the
# tests end.
set -euo pipefail
cd "$(dirname "$0")/.."

# Most tests wait rather than compute: more processes than the two cores that this was tried on.
readonly processes=3

cluster() { .venv/bin/python -m dev.cluster "$@"; }

leave_nothing() {
    kill -TERM $(jobs -p) 2>/dev/null || true # they are there still if a signal ended this script
    wait
    [[ "$was_up" ]] || cluster down 2>/dev/null || cluster down
}

was_up=""
[[ ! -e "$(cluster kubeconfig)" ]] || was_up=yes
trap leave_nothing EXIT
cluster programs >/dev/null
# The first tests need no image; those that do wait for this.
cluster images >/dev/null 2>&1 &
# In the background too: a signal then ends this script at once, and the script ends the tests.
.venv/bin/python -m pytest --numprocesses="$processes" --dist=loadscope --no-loadscope-reorder "${@:-tests}" &
wait $!
