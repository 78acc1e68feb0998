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

end_leftovers() {  # what an engine that was killed itself left running: known by the path of its socket
  grep -lsF -- "$ENGINE_DIR/run/" /proc/[0-9]*/cmdline | cut -d/ -f3 | while read -r pid; do
    tr ' ' '\n' 2>/dev/null <"/proc/$pid/task/$pid/children" | while read -r child; do kill -9 "$child" 2>/dev/null; done
    kill -9 "$pid" 2>/dev/null && say "ended process $pid of an engine that was killed"
  done
  sleep 0.2
  awk -v dir="$ENGINE_DIR/" 'index($2, dir) == 1 {print $2}' /proc/mounts | sort -r | xargs -r -n1 umount -l
}

remove_links() {  # bridges and virtual cables that were not there before
  local link
  for link in $(links | grep -vxFf "$ENGINE_DIR/links.before"); do ip link del "$link" 2>/dev/null; done
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
end_leftovers
if [ -e "$ENGINE_DIR/chains.before" ]; then
  remove_links
  chains >"$ENGINE_DIR/chains.now"
  restore_rules
  sysctl -qw "net.ipv4.ip_forward=$(cat "$ENGINE_DIR/ip_forward.before")"
  rm -f "$ENGINE_DIR"/chains.* "$ENGINE_DIR"/*.before "$PIDFILE" "$ENGINE_DIR"/run/containerd/containerd.pid
  say "engine stopped, network as before"
fi
if [ "${1:-}" = --purge ]; then rm -rf "$ENGINE_DIR"; fi
