#!/bin/sh
# The steps that make the container's system out of a bare one: Debian, or an
# image of Python upon it, with Python 3.11. The Dockerfile calls them in turn.
set -eu
source=$(cd "$(dirname "$0")/.." && pwd)

case "${1:-}" in
libraries) # libgomp1 and libquadmath0: for MXNet; make: for the notebooks
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends libgomp1 libquadmath0 make >/dev/null
    rm -rf /var/lib/apt/lists/*
    ;;
user) # who runs the lessons, and where their results go
    useradd --uid 1000 --create-home --shell /bin/bash reader
    ln -s "$source/chapters" /home/reader/chapters
    # whoever --user names may write here
    install -d -o reader -g reader -m 1777 /home/reader/runs
    chmod 755 /home/reader
    ;;
package) # with the lessons, as scripts and as notebooks
    python3 -m venv /opt/venv
    /opt/venv/bin/pip install -q --no-cache-dir -e "$source" 'jupytext>=1.16'
    PATH="/opt/venv/bin:$PATH" make -C "$source" notebooks
    ;;
*)
    echo "the step is '${1:-}': it must be libraries, user or package" >&2
    exit 2
    ;;
esac
