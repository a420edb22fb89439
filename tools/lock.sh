#!/bin/sh
# Renews the Python locks from the ranges in pyproject.toml, for Python 3.11 and 3.12 on every platform.
# A pin that still fits is kept; `tools/lock.sh --upgrade` takes the newest versions that fit.
set -eu
cd "$(dirname "$0")/.."

compile() {
    target=$1
    shift
    UV_SYSTEM_CERTS=1 UV_CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/uv pip compile --quiet --universal \
        --python-version 3.11 --generate-hashes \
        --annotation-style line --output-file "$target" "$@"
}

compile requirements.lock "$@" --group dev --extra cluster pyproject.toml
compile tools/bootstrap.lock "$@" --group bootstrap
compile tools/node.lock "$@" --group node
compile tools/static.lock "$@" --constraint requirements.lock --group static
