# shellcheck shell=sh
# Sourced by ./run and ./test: makes .venv hold exactly what requirements.lock says, once.
stamp=$(cksum <requirements.lock)
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
    rm -rf .venv
    echo "setting up .venv (once, a minute or less)" >&2
    if command -v uv >/dev/null 2>&1; then
        uv venv --quiet --python '>=3.11' .venv
        uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements.lock
    else
        for python in python3.13 python3.12 python3.11 python3 ""; do
            [ -n "$python" ] || break
            "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break
        done
        if [ -z "$python" ]; then
            echo "needs uv, or Python 3.11 or later with venv: apt install python3-venv, or brew install uv" >&2
            exit 1
        fi
        "$python" -m venv .venv
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
    fi
    # Once, here: a start that compiles every library anew takes twice as long.
    .venv/bin/python -m compileall -qq -j 0 .venv/lib || true
    echo "$stamp" >.venv/stamp
fi
