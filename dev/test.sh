#!/usr/bin/env bash
# Runs lint, types and every test, or the tests of the paths given. What needs other servers runs in parts beside
# each other, and each part's output is shown in one piece. Programs are built first, so that no test's time is spent
# on that; a cluster that was brought up goes again, however the tests end.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster() { .venv/bin/python -m dev.cluster "$@"; }

declare -A process=()
parts=()

# begin PART COMMAND... - in the background.
begin() {
    : >"$outputs/$1" # what shows it may come before the process that writes it
    "${@:2}" >>"$outputs/$1" 2>&1 &
    process[$1]=$!
    parts=("$1" "${parts[@]}")
}

# run_tests NICENESS PROCESSES DISTRIBUTION PATH... - the last of pytest-xdist; loadfile keeps each file's tests in
# one process, since they may share servers.
run_tests() {
    exec nice --adjustment="$1" .venv/bin/python -m pytest --color="$colour" --numprocesses="$2" --dist="$3" \
        --no-loadscope-reorder "${@:4}"
}

# show PART - its output as it comes, to its end; returns how it ended. In the background as well: a signal then
# ends this script at once, and the script ends the tests.
show() {
    printf '\n%s\n' "tests: $1"
    tail --lines=+1 --follow --pid="${process[$1]}" "$outputs/$1" &
    wait $!
    wait "${process[$1]}"
}

leave_nothing() {
    kill -TERM $(jobs -p) 2>/dev/null || true # they are there still if a signal ended this script
    wait
    [[ "$was_up" || ${#on_cluster[@]} -eq 0 ]] || cluster down 2>/dev/null || cluster down
    rm -r "$outputs"
}

on_cluster=() on_api_server=() others=()
for path in "${@:-tests}"; do
    case "${path%/}" in
        tests)
            on_cluster+=(tests/e2e)
            on_api_server+=(tests/apiserver)
            others+=(tests --ignore=tests/e2e --ignore=tests/apiserver)
            ;;
        tests/e2e*) on_cluster+=("$path") ;;
        tests/apiserver*) on_api_server+=("$path") ;;
        *) others+=("$path") ;;
    esac
done

colour=no
[[ ! -t 1 ]] || colour=yes
was_up=""
[[ ! -e "$(cluster kubeconfig)" ]] || was_up=yes
outputs=$(mktemp --directory)
trap leave_nothing EXIT
cluster programs >/dev/null
# Those on the cluster take longest and mostly wait. When they do not, the others may.
if [[ ${#on_cluster[@]} -gt 0 ]]; then
    cluster images operator monitor >/dev/null 2>&1 & # the tests that need them wait for the cluster first
    files=$(find "${on_cluster[@]%%::*}" -name 'test_*.py' | wc -l)
    begin cluster run_tests 0 "$files" loadfile "${on_cluster[@]}"
fi
[[ ${#on_api_server[@]} -eq 0 ]] || begin apiserver run_tests 5 2 worksteal "${on_api_server[@]}"
[[ ${#others[@]} -eq 0 ]] || begin others run_tests 5 3 loadfile "${others[@]}"
[[ $# -gt 0 ]] || begin check make --no-print-directory check verify

failed=""
for part in "${parts[@]}"; do # the longest last
    show "$part" || failed=yes
done
[[ -z "$failed" ]]
