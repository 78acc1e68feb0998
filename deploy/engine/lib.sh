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

launch() {  # start dockerd in the background and wait until it answers; 1 if it does not
  # --ip: on the default bridge a port published without an address is published on loopback, not to the network.
  setsid nohup dockerd --data-root "$ENGINE_DIR/data" --exec-root "$ENGINE_DIR/run" --pidfile "$PIDFILE" -H "$SOCKET" \
    --ip 127.0.0.1 >"$ENGINE_DIR/dockerd.log" 2>&1 </dev/null &
  local started=$!
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && return
    kill -0 "$started" 2>/dev/null || return 1
    sleep 0.25
  done
  return 1
}

links() { ip -o link show | awk -F': ' '{sub(/@.*/, "", $2); print $2}'; }

chains() {  # the packet filter's rules and policies, without counters
  iptables-save 2>/dev/null | sed -nE 's/ \[[0-9]+:[0-9]+\]$//; /^(\*|:|-A)/p'
}
