#!/bin/sh
# Run what docker run was given: "notebook" opens the lessons in Jupyter, and
# anything else is a command.
set -eu
cd /home/reader

# --user may name a user without a home: caches then go to a folder in /tmp
if [ ! -w "${HOME:-/}" ]; then
    HOME=$(mktemp -d)
    export HOME
fi
if [ ! -w runs ]; then
    echo "user $(id -u) cannot write to $PWD/runs: make the folder before" \
        "docker run does, and add --user \"\$(id -u):\$(id -g)\"" >&2
    exit 1
fi

if [ "${1:-}" = notebook ]; then
    shift
    # in runs, so that what you change is kept where runs is mounted
    [ -d runs/notebooks ] || cp -r /opt/d2lrnn/build/notebooks runs/notebooks
    exec jupyter notebook --ip=0.0.0.0 --no-browser "$@" runs/notebooks
fi
exec "$@"
