#!/bin/sh
# Make the secrets that compose.yaml reads: random, one a file, each made once. Nothing here ever enters an image.
#
#   deploy/secrets.sh [DIR]      DIR is deploy/secrets by default; CITYGOALS_SECRETS_DIR tells compose of another one
#
# The folder is yours alone; the files in it can be read by whoever gets one mounted, as the services do, which run as
# an ordinary user.
set -eu
dir="${1:-$(dirname "$0")/secrets}"
umask 077
mkdir -p "$dir"

secret() {  # secret NAME [BEFORE AFTER]: a random word, between two texts where they are given
  [ -s "$dir/$1" ] && return
  word="$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n')"
  printf '%s%s%s\n' "${2:-}" "$word" "${3:-}" >"$dir/$1.new"
  chmod 444 "$dir/$1.new"
  mv "$dir/$1.new" "$dir/$1"
}

secret postgres-password
if [ ! -s "$dir/pg-dsn-admin" ]; then
  printf 'postgresql://citygoals_admin:%s@postgres:5432/citygoals\n' "$(cat "$dir/postgres-password")" >"$dir/pg-dsn-admin"
  chmod 444 "$dir/pg-dsn-admin"
fi
for service in intake kpi notify reporting; do
  secret "pg-dsn-$service" "postgresql://citygoals_$service:" "@postgres:5432/citygoals"
  secret "nats-$service"
done
secret nats-citygoals
secret nats-sys-demo
[ -e "$dir/smtp-password" ] || { : >"$dir/smtp-password" && chmod 444 "$dir/smtp-password"; }
