#!/usr/bin/env bash
# Makes .venv with everything that development needs, from uv.lock. Takes Python 3.11 or newer and uv from
# PATH; what is missing comes from Debian's packages (as root) and from PyPI into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/modelward"
uv="$(command -v uv || true)"
if [[ -z "$uv" ]]; then
    uv="$cache/bootstrap/bin/uv"
    if [[ ! -x "$uv" ]]; then
        if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
            if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
                say "python3 cannot make virtual environments: install Python 3.11 or newer with venv, or uv"
                exit 1
            fi
            say "python3 cannot make virtual environments: installing python3-venv with apt-get"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
        fi
        say "uv is not on PATH: installing it from PyPI into $cache/bootstrap"
        python3 -m venv "$cache/bootstrap"
        "$cache/bootstrap/bin/pip" install --quiet 'uv>=0.9,<1'
    fi
fi
"$uv" sync --frozen --quiet
