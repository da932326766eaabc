FROM scratch
ADD debian.tar /
# How this machine reaches the package index.
COPY certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY pip.conf /etc/pip.conf
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt
