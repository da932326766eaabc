# As apache/airflow: Airflow uncompiled in a virtual environment that the user airflow (50000) and group 0 may write,
# /etc/passwd for group 0 to add a user, dumb-init before the entry point, curl.
FROM sqp-stand-in-debian
ENV PATH=/home/airflow/.local/bin:$PATH VIRTUAL_ENV=/home/airflow/.local AIRFLOW_HOME=/opt/airflow DUMB_INIT_SETSID=1 LANG=C.UTF-8
RUN useradd --create-home --uid 50000 --gid 0 airflow \
    && mkdir --parents /opt/airflow/dags /opt/airflow/logs \
    && chown --recursive airflow:0 /opt/airflow /home/airflow \
    && chmod --recursive g=u /opt/airflow /home/airflow /etc/passwd
COPY requirements.txt /
USER airflow
RUN python3 -m venv $VIRTUAL_ENV \
    && pip install --no-cache-dir --no-compile --constraint /requirements.txt apache-airflow \
    && chmod --recursive g=u $VIRTUAL_ENV
COPY --chmod=755 airflow-entrypoint.sh /entrypoint
WORKDIR /opt/airflow
ENTRYPOINT ["/usr/bin/dumb-init", "--", "/entrypoint"]
CMD []
