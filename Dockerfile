# ethmon and its extras. See docs/operations.md; compose.yaml runs the daemon and the pages.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/build && python -m venv /opt/ethmon
WORKDIR /src
COPY requirements/build.txt requirements/run.txt requirements/
RUN /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements/build.txt \
 && /opt/ethmon/bin/pip install --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md LICENSE watchlist.example.toml ./
COPY alerts alerts
COPY contracts_abi contracts_abi
COPY monitor monitor
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
 && /opt/ethmon/bin/pip install --no-deps /tmp/wheel/*.whl

FROM python:3.11-slim
RUN useradd --uid 10001 --user-group --home-dir /var/lib/ethmon --create-home --shell /usr/sbin/nologin ethmon
COPY --from=build /opt/ethmon /opt/ethmon
ENV PATH=/opt/ethmon/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    ETHMON_DB=/var/lib/ethmon/ethmon.db \
    METRICS_LISTEN=0.0.0.0:9464
USER 10001:10001
WORKDIR /var/lib/ethmon
VOLUME /var/lib/ethmon
EXPOSE 9464 8001
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:9464/healthz', timeout=4)"]
ENTRYPOINT ["ethmon"]
CMD ["run"]
