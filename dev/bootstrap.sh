#!/usr/bin/env bash
# Makes .venv with everything that development needs, from uv.lock. Needs Python 3.11 or newer; takes
# uv from PATH, or installs it from PyPI into the cache folder.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/modelward"
uv="$(command -v uv || true)"
if [[ -z "$uv" ]]; then
    uv="$cache/bootstrap/bin/uv"
    if [[ ! -x "$uv" ]]; then
        echo "uv is not on PATH: installing it from PyPI into $cache/bootstrap" >&2
        if ! python3 -m venv "$cache/bootstrap"; then
            echo "python3 cannot make a virtual environment (Debian: apt-get install python3-venv)" >&2
            exit 1
        fi
        "$cache/bootstrap/bin/pip" install --quiet 'uv>=0.9,<1'
    fi
fi
"$uv" sync --frozen --quiet
echo "ready: .venv" >&2
