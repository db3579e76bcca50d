#!/usr/bin/env bash
# Runs lint, types and every test, or the tests of the paths given, in parts; each part's output is shown in one piece.
# First those on the cluster, side by side: how long a store takes to answer is what some of them are about, so that
# little else may compute beside them. Then the others. Programs are built first, so that no test's time is spent on
# that; a cluster that was brought up goes again, however the tests end.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster() { .venv/bin/python -m dev.cluster "$@"; }

declare -A process=()
failed=""

# begin PART COMMAND... - in the background.
begin() {
    : >"$outputs/$1" # what shows it may come before the process that writes it
    "${@:2}" >>"$outputs/$1" 2>&1 &
    process[$1]=$!
}

# run_tests PROCESSES DISTRIBUTION PATH... - the second of pytest-xdist; loadfile keeps each file's tests in one
# process, since they may share servers.
run_tests() {
    exec .venv/bin/python -m pytest --color="$colour" --numprocesses="$1" --dist="$2" --no-loadscope-reorder "${@:3}"
}

# show PART... - the output of each that has begun as it comes, to its end. In the background as well: a signal then
# ends this script at once, and the script ends the tests.
show() {
    local part
    for part in "$@"; do
        [[ -v process[$part] ]] || continue
        printf '\n%s\n' "tests: $part"
        tail --lines=+1 --follow --pid="${process[$part]}" "$outputs/$part" &
        wait $!
        wait "${process[$part]}" || failed=yes
    done
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
[[ $# -gt 0 ]] || begin check nice --adjustment=5 make --no-print-directory check verify
if [[ ${#on_cluster[@]} -gt 0 ]]; then
    cluster images operator monitor >/dev/null 2>&1 & # the tests wait for the cluster meanwhile
    files=$(find "${on_cluster[@]%%::*}" -name 'test_*.py' | wc -l)
    begin cluster run_tests "$files" loadfile "${on_cluster[@]}"
fi
show check cluster
[[ ${#on_api_server[@]} -eq 0 ]] || begin apiserver run_tests 2 worksteal "${on_api_server[@]}"
[[ ${#others[@]} -eq 0 ]] || begin others run_tests 3 loadfile "${others[@]}"
show apiserver others
[[ -z "$failed" ]]
