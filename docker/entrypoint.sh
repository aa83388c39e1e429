#!/bin/sh
# Run what docker run was given: "notebook" opens the lessons in Jupyter, and
# anything else is a command.
set -eu

# --user may name a user without a home: caches then go to a folder in /tmp
if [ ! -w "${HOME:-/}" ]; then
    HOME=$(mktemp -d)
    export HOME
fi
# the results come last, after minutes: say now that they cannot be written
if [ -e runs ] && [ ! -w runs ]; then
    echo "user $(id -u) cannot write to $PWD/runs: make the folder before" \
        "docker run does, and add --user \"\$(id -u):\$(id -g)\"" >&2
    exit 1
fi

if [ "${1:-}" = notebook ]; then
    shift
    # in runs, so that what you change is kept where runs is mounted
    if [ ! -d runs/notebooks ]; then
        mkdir -p runs
        cp -r /opt/d2lrnn/build/notebooks runs/notebooks
    fi
    exec jupyter notebook --ip=0.0.0.0 --no-browser "$@" runs/notebooks
fi
exec "$@"
