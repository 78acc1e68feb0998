# What up.sh and down.sh share. Sourced, not run.
# shellcheck shell=bash disable=SC2034

# Everything of this engine lives here; images stay between runs, so that a second start takes a second.
ENGINE_DIR="${CITYGOALS_ENGINE_DIR:-/var/tmp/citygoals-engine}"
PIDFILE="$ENGINE_DIR/dockerd.pid"
SOCKET="unix://$ENGINE_DIR/docker.sock"

say() { echo "containers: $*"; }

engine_pid() {  # the pid of our daemon if it runs; a pidfile may outlive its process and its number be reused
  local pid
  pid="$(cat "$PIDFILE" 2>/dev/null)" || return 1
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ] || return 1
  tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "$PIDFILE" || return 1
  echo "$pid"
}

chains() {  # the packet filter's rules and policies, without counters
  iptables-save 2>/dev/null | sed -nE 's/ \[[0-9]+:[0-9]+\]$//; /^(\*|:|-A)/p'
}
