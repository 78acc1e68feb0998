#!/bin/sh
# The part of the official image's start that this project uses: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD or
# POSTGRES_PASSWORD_FILE, /docker-entrypoint-initdb.d/*.sql, and never running as root.
set -eu
: "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
RUN=/var/run/postgresql

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA"
  chown -R postgres:postgres /var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi

create_cluster() {
  if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then POSTGRES_PASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"; fi
  : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE}"
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >"$RUN/password")
  initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$RUN/password" --encoding=UTF8 --locale=C.UTF-8 \
    --auth-host=scram-sha-256 --auth-local=trust >/dev/null
  rm "$RUN/password"
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --pgdata="$PGDATA" --wait --silent --options="-c listen_addresses='' -k $RUN" start
  if [ "$POSTGRES_DB" != postgres ]; then
    psql -h "$RUN" -U "$POSTGRES_USER" -d postgres -qc "CREATE DATABASE \"$POSTGRES_DB\""
  fi
  for file in /docker-entrypoint-initdb.d/*.sql; do
    [ ! -f "$file" ] || psql -h "$RUN" -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -qf "$file"
  done
  pg_ctl --pgdata="$PGDATA" --wait --silent --mode=fast stop
}

if [ "$1" = postgres ]; then
  [ -s "$PGDATA/PG_VERSION" ] || create_cluster
  shift
  set -- postgres -c "listen_addresses=*" -k "$RUN" "$@"
fi
exec "$@"
