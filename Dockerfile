# Pinakes on a base that has Python 3.11 to 3.13 and the certificates of the public authorities; built
# from the wheels of scripts/wheelhouse alone. How, and on which base: docs/how-to/build-the-image.md
ARG BASE

FROM ${BASE} AS tools
COPY requirements /requirements
COPY wheelhouse /wheelhouse
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheelhouse PIP_NO_CACHE_DIR=1
# The first pip runs from its own wheel: no base needs to bring one.
RUN python3 -m venv --without-pip /tools \
    && PYTHONPATH="$(echo /wheelhouse/pip-*.whl)" /tools/bin/python -m pip install \
        --require-hashes --requirement /requirements/image-tools.txt

FROM tools AS environment
ENV PATH=/tools/bin:$PATH PIP_PYTHON=/opt/pinakes/bin/python
COPY pyproject.toml /
# Bytecode is never compared with its source, which nobody changes: whatever copies the image may
# give its files other times.
RUN python3 -m venv --without-pip /opt/pinakes \
    && pip install --no-compile --require-hashes --requirement /requirements/image.txt \
    && pip install --no-compile --no-deps /wheelhouse/pinakes-*.whl \
    && pip check \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/pinakes \
    && cyclonedx-py environment --pyproject /pyproject.toml --output-reproducible \
        --output-file /pinakes.cdx.json /opt/pinakes/bin/python
# Refuse a base on which sslrootcert=system would find nobody to trust.
RUN /opt/pinakes/bin/python -c "from pinakes.postgres.tls import SslMode, read_authorities; \
    read_authorities(SslMode.VERIFY_FULL, b'system')"

FROM environment AS embedded-environment
RUN pip install --no-compile --require-hashes --requirement /requirements/image-embedded.txt \
    && pip check \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/pinakes \
    && cyclonedx-py environment --pyproject /pyproject.toml --output-reproducible \
        --output-file /pinakes-embedded.cdx.json /opt/pinakes/bin/python

FROM scratch AS sbom
COPY --from=environment /pinakes.cdx.json /
COPY --from=embedded-environment /pinakes-embedded.cdx.json /

FROM ${BASE} AS runtime
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Pinakes" \
    org.opencontainers.image.description="The open model metadata store, in PostgreSQL" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
# No home: libpq and others read what lies in one, and nothing should count that was not configured.
ENV PATH=/opt/pinakes/bin:$PATH HOME=/nonexistent PYTHONDONTWRITEBYTECODE=1
WORKDIR /
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
ENTRYPOINT ["pinakes"]
# Loopback would be the container's own. Nobody is let in by that: Pinakes does not start beyond
# loopback before it was told who may.
CMD ["serve", "--host", "0.0.0.0"]
USER 10001:10001

FROM runtime AS embedded
ENV PINAKES_DATA_DIR=/var/lib/pinakes
# initdb wants its user to have a name; a volume mounted at the directory takes over its owner.
USER 0:0
RUN echo "pinakes:x:10001:10001::/nonexistent:/usr/sbin/nologin" >>/etc/passwd \
    && install -d -m 0700 -o 10001 -g 10001 /var/lib/pinakes
USER 10001:10001
COPY --from=embedded-environment /opt/pinakes /opt/pinakes

FROM runtime AS plain
COPY --from=environment /opt/pinakes /opt/pinakes
