#!/usr/bin/env bash
# Runs lint, types and every test, or the tests of the paths given, in parts; each part's output is shown in one piece.
# Those on the cluster and those on API servers mostly wait; the latter give way to the cluster, the others, one part
# after another, to both. Those that say in seconds what is late do not. What fails beside everything else is tried once
# more alone, and shown.
# Programs are built first, so that no test's time is spent on that; a cluster that was brought up goes again, however
# the tests end.
set -euo pipefail
cd "$(dirname "$0")/.."

cluster() { .venv/bin/python -m dev.cluster "$@"; }

declare -A process=() failed=()

# begin PART COMMAND... - in the background.
begin() {
    : >"$outputs/$1" # what shows it may come before the process that writes it
    "${@:2}" >>"$outputs/$1" 2>&1 &
    process[$1]=$!
}

# behind NICENESS PART COMMAND... - gives way to what waits, and begins when another part, if it was begun,
# has ended. In a session of its own, for where the kernel shares out processors by session first (sched_autogroup in
# sched(7)).
behind() {
    exec setsid nice --adjustment="$1" bash -c '
        { echo "$0" >/proc/self/autogroup; } 2>/dev/null || true
        [[ -z "$1" ]] || tail --pid="$1" --follow /dev/null
        exec "${@:2}"' "$1" "${process[$2]-}" "${@:3}"
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
        wait "${process[$part]}" || failed[$part]=yes
    done
}

# cache PART - the option of pytest by which it remembers what failed, apart from the other parts.
cache() { echo "--override-ini=cache_dir=$outputs/$1.cache"; }

# again PART COMMAND... - with the tests that failed, if they are few: two processors cannot do everything at once in time.
again() {
    local part="$1" known="$outputs/$1.cache/v/cache/lastfailed"
    [[ -v failed[$part] && -e "$known" ]] || return 0
    [[ "$(grep --count '": true' "$known")" -le 5 ]] || return 0
    unset "failed[$part]"
    begin "$part, once more alone" "${@:2}"
    show "$part, once more alone"
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

# The monitor is tried as its image has it, compiled; its unit tests try the source as well.
timed=(tests/integration/{dashboard,signals,storage,tracing})
[[ $# -gt 0 ]] || others+=(--ignore=tests/integration/monitor "${timed[@]/#/--ignore=}")

colour=no
[[ ! -t 1 ]] || colour=yes
# A file's tests may share servers: loadfile keeps them in one process.
tests=(.venv/bin/python -m pytest --color="$colour" --no-loadscope-reorder)
was_up=""
[[ ! -e "$(cluster kubeconfig)" ]] || was_up=yes
outputs=$(mktemp --directory)
trap leave_nothing EXIT
cluster programs >/dev/null
if [[ ${#on_cluster[@]} -gt 0 ]]; then
    cluster images operator monitor >/dev/null 2>&1 & # the tests wait for the cluster meanwhile
    files=$(find "${on_cluster[@]%%::*}" -name 'test_*.py' | wc -l)
    begin cluster "${tests[@]}" "$(cache cluster)" --numprocesses="$files" --dist=loadfile "${on_cluster[@]}"
fi
[[ ${#on_api_server[@]} -eq 0 ]] || begin apiserver behind 5 none \
    "${tests[@]}" "$(cache apiserver)" --numprocesses=3 --maxschedchunk=1 "${on_api_server[@]}"
if [[ $# -eq 0 ]]; then
    begin compiled make --no-print-directory test-compiled OPTIONS="$(cache compiled)"
    begin timed "${tests[@]}" "$(cache timed)" --numprocesses=2 --dist=loadfile "${timed[@]}"
    begin check behind 10 compiled make --no-print-directory check verify
fi
[[ ${#others[@]} -eq 0 ]] || begin others behind 10 check \
    "${tests[@]}" "$(cache others)" --numprocesses=4 --dist=loadfile "${others[@]}"
show compiled timed check others apiserver cluster
alone=(--last-failed --last-failed-no-failures=none)
again compiled make --no-print-directory test-compiled OPTIONS="$(cache compiled) ${alone[*]}"
again timed "${tests[@]}" "$(cache timed)" "${alone[@]}" "${timed[@]}"
again others "${tests[@]}" "$(cache others)" "${alone[@]}" "${others[@]}"
again apiserver "${tests[@]}" "$(cache apiserver)" "${alone[@]}" "${on_api_server[@]}"
again cluster "${tests[@]}" "$(cache cluster)" "${alone[@]}" "${on_cluster[@]}"
[[ ${#failed[@]} -eq 0 ]]
