#!/usr/bin/env bash
# Stop the engine that up.sh started, and only that one, and put the network back as it was found.
#
#   down.sh [--purge]     --purge also deletes the images and everything else it kept
set -uo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=deploy/engine/lib.sh
. "$HERE/lib.sh"
export DOCKER_HOST="$SOCKET"

empty_engine() {  # while it still runs it cleans up best: containers with their veths, networks with their bridges
  docker ps -aq | xargs -r docker rm -f -v >/dev/null
  docker network prune -f >/dev/null
  docker volume prune -f >/dev/null
}

stop_engine() {
  local pid=$1
  kill "$pid"
  for _ in $(seq 120); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.25
  done
  say "dockerd ($pid) did not stop within 30 s"
  return 1
}

restore_rules() {  # what is there now and was not before came from the engine: rules first, then chains, then policies
  local table rule
  for table in nat filter raw mangle; do
    while read -r rule; do
      # shellcheck disable=SC2086
      eval iptables -w -t "$table" "$rule"
    done < <(added "$table" | grep '^-A' | sed 's/^-A/-D/')
    while read -r chain policy; do
      if [ "$policy" = - ]; then iptables -w -t "$table" -X "$chain"; fi
    done < <(added "$table" | grep '^:' | tr -d :)
    while read -r chain policy; do
      if [ "$policy" != - ]; then iptables -w -t "$table" -P "$chain" "$(old_policy "$table" "$chain")"; fi
    done < <(added "$table" | grep '^:' | tr -d :)
  done
}

section() { awk -v want="*$2" '/^\*/ {inside = ($0 == want); next} inside' "$1"; }

added() { section "$ENGINE_DIR/chains.now" "$1" | grep -vxFf <(section "$ENGINE_DIR/chains.before" "$1"; echo '#'); }

old_policy() {
  local policy
  policy="$(section "$ENGINE_DIR/chains.before" "$1" | sed -n "s/^:$2 //p")"
  echo "${policy:-ACCEPT}"
}

if pid="$(engine_pid)"; then
  empty_engine
  stop_engine "$pid" || exit 1
fi
if [ -e "$ENGINE_DIR/chains.before" ]; then
  ip link del docker0 2>/dev/null
  chains >"$ENGINE_DIR/chains.now"
  restore_rules
  sysctl -qw "net.ipv4.ip_forward=$(cat "$ENGINE_DIR/ip_forward.before")"
  rm -f "$ENGINE_DIR"/chains.* "$ENGINE_DIR"/ip_forward.before "$PIDFILE"
  say "engine stopped, network as before"
fi
if [ "${1:-}" = --purge ]; then rm -rf "$ENGINE_DIR"; fi
