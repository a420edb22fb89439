#!/bin/sh
# Slither over the contracts: ends with 1 at a finding of high or medium impact that docs/static_analysis.md does not
# argue. Mocks, dependencies and tests are not its subject.
set -eu
cd "$(dirname "$0")/.."
kept=.venv/.locks/static.lock
cmp -s tools/static.lock "$kept" || {
    .venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r tools/static.lock
    cp tools/static.lock "$kept"
}
# One compilation of everything without optimiser: Slither follows syntax trees across files, not bytecode.
export FOUNDRY_PROFILE=static SOLC_WHOLE=1 PATH="$PWD/.venv/bin:$PATH"
forge build contracts --force --build-info --skip mocks >/dev/null
rm -f build/static/slither.json
slither . --ignore-compile --foundry-out-directory build/static --config-file slither.config.json \
    --json build/static/slither.json "$@" >build/static/slither.log 2>&1 || true # the check below judges
[ -s build/static/slither.json ] || { tail -n 20 build/static/slither.log >&2; exit 1; }
exec .venv/bin/python -m tools.static_check
