# As python:3.11-slim: python and pip, which root may use without a virtual environment.
FROM sqp-stand-in-debian
ENV PIP_BREAK_SYSTEM_PACKAGES=1
RUN ln --symbolic python3 /usr/bin/python
CMD ["python3"]
