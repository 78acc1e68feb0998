#!/usr/bin/env bash
# Get a Docker engine and the base images that the project names, also where no image registry is in reach.
#
#   up.sh [ENV_FILE]     writes the variables that a client of the engine needs to ENV_FILE; source it
#
# An engine that answers already is used as it is. Else, as root on Debian, a private one is started: own data, socket
# and pidfile, so that nothing of the machine's own Docker is touched. Images that cannot be pulled are built here from
# Debian and from the binaries in .venv, and get the official names: see deploy/README.md. down.sh undoes it all.
#
# Where no engine can be had this says "containers: NOT RUN (reason)" and succeeds; once one runs, failures are failures.
set -Eeuo pipefail
trap 'echo "containers: up.sh failed at line $LINENO" >&2' ERR
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=deploy/engine/lib.sh
. "$HERE/lib.sh"
ENV_FILE="${1:-/dev/null}"
VENV="${CITYGOALS_VENV:-$HERE/../../.venv}"
export DOCKER_BUILDKIT=0  # the classic builder is the one that every engine has

not_run() {
  say "NOT RUN ($*)"
  echo "export CITYGOALS_CONTAINERS_NOT_RUN='$(tr -d "'" <<<"$*")'" >"$ENV_FILE"
  exit 0
}

install_packages() {
  local missing=()
  command -v dockerd >/dev/null || missing+=(docker.io)
  command -v iptables >/dev/null || missing+=(iptables)
  command -v mmdebstrap >/dev/null || missing+=(mmdebstrap)
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${missing[*]}"
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}"; } \
    >"$ENGINE_DIR/apt.log" 2>&1 || not_run "apt-get could not install ${missing[*]}: $(tail -n 1 "$ENGINE_DIR/apt.log")"
}

start_engine() {
  # What down.sh has to put back; after a crash the older note is the true one.
  if [ ! -e "$ENGINE_DIR/chains.before" ]; then
    cat /proc/sys/net/ipv4/ip_forward >"$ENGINE_DIR/ip_forward.before"
    links >"$ENGINE_DIR/links.before"
    chains >"$ENGINE_DIR/chains.before"
  fi
  # Of an engine that was killed: where nobody collects dead processes, their numbers look alive for ever.
  rm -f "$PIDFILE" "$ENGINE_DIR/run/containerd/containerd.pid"
  launch && return
  local reason
  reason="$(grep -v level=info "$ENGINE_DIR/dockerd.log" | tail -n 1)"
  "$HERE/down.sh"
  not_run "dockerd did not start: $reason"
}

private_engine() {
  [ "$(id -u)" = 0 ] || not_run "no Docker engine answers, and only root can start one"
  command -v apt-get >/dev/null || not_run "no Docker engine answers, and this is no Debian to install one on"
  mkdir -p "$ENGINE_DIR"
  chmod 700 "$ENGINE_DIR"
  install_packages
  export DOCKER_HOST="$SOCKET"
  engine_pid >/dev/null || start_engine
}

write_env() {
  # One writer, so that a half-written file is never sourced. Ryuk is an image that cannot be pulled here; the mode
  # keeps testcontainers from guessing that it runs inside a container, whose published ports are elsewhere.
  [ "$ENV_FILE" = /dev/null ] && return
  cat >"$ENV_FILE.new" <<-ENV
	export DOCKER_HOST='${DOCKER_HOST:-}' DOCKER_BUILDKIT=0
	export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_CONNECTION_MODE=docker_host TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1
	export CITYGOALS_REQUIRE_CONTAINERS=1
	ENV
  [ -n "${DOCKER_HOST:-}" ] || sed -i "s/DOCKER_HOST='' //" "$ENV_FILE.new"
  mv "$ENV_FILE.new" "$ENV_FILE"
}

docker version >/dev/null 2>&1 || private_engine
say "engine $(docker version --format '{{.Server.Version}}') at ${DOCKER_HOST:-the default socket}"
"$HERE/images.sh" "$VENV"
write_env
