#!/bin/bash
# As the entry point of apache/airflow: any user of group 0 gets a name and a home, new files are the group's too, the
# database is waited for unless CONNECTION_CHECK_MAX_COUNT is 0, and every word but bash and python is Airflow's.
set -euo pipefail
if [ "$(id -g)" != 0 ]; then
  echo "The group is $(id -g), it must be 0." >&2
  exit 1
fi
umask 0002
if ! whoami >/dev/null 2>&1; then
  echo "default:x:$(id -u):0:default user:/home/airflow:/sbin/nologin" >>/etc/passwd
  export HOME=/home/airflow
fi
left=${CONNECTION_CHECK_MAX_COUNT:-20}
until [ "$left" = 0 ] || airflow db check; do
  left=$((left - 1))
  [ "$left" != 0 ] || exit 1
  sleep 3
done
case "${1:-}" in
bash | python) exec "$@" ;;
airflow) exec "$@" ;;
*) exec airflow "$@" ;;
esac
