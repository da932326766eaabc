#!/bin/bash
# As the entry point of postgres: root reads the password's file, owns the volume and becomes postgres. A new cluster is
# made by a server that answers on the socket alone. Who connects by TCP needs the password.
set -euo pipefail
data=/var/lib/postgresql/18/docker
if [ "$(id -u)" = 0 ]; then
  POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export POSTGRES_PASSWORD
  mkdir --parents "$data"
  chown --recursive postgres /var/lib/postgresql
  chmod 700 "$data"
  exec gosu postgres "$0" "$@"
fi
if [ ! -s "$data/PG_VERSION" ]; then
  initdb --pgdata "$data" --username "$POSTGRES_USER" --auth-local trust --auth-host scram-sha-256 --pwfile <(echo "$POSTGRES_PASSWORD")
  echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
  pg_ctl --pgdata "$data" --options "-c listen_addresses=''" --wait start
  createdb --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
  pg_ctl --pgdata "$data" --mode fast --wait stop
fi
exec "$@" -D "$data" -c listen_addresses='*'
