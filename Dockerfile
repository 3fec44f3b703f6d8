# Debian, not Alpine: DuckDB has no wheel for musl.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/aws-user-exporter
WORKDIR /src
COPY requirements.txt ./
RUN /opt/aws-user-exporter/bin/pip install --only-binary :all: --require-hashes --requirement requirements.txt
COPY pyproject.toml ./
COPY exporter exporter
COPY infrastructure infrastructure
COPY sql sql
# Nothing is installed at run time: what installs goes once its work is done.
RUN /opt/aws-user-exporter/bin/pip install --no-deps --no-build-isolation . \
    && /opt/aws-user-exporter/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim
ARG REVISION=""
ENV AWS_USER_EXPORTER_REVISION=$REVISION \
    PATH=/opt/aws-user-exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
COPY --from=build /opt/aws-user-exporter /opt/aws-user-exporter
# The one folder that is written. Everything else may be read-only.
RUN install --directory --owner=65532 --group=65532 /var/lib/aws-user-exporter
VOLUME /var/lib/aws-user-exporter
WORKDIR /var/lib/aws-user-exporter
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 10821
# Over plain HTTP: with TLS in --web.config.file, give a check of your own.
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10821/-/healthy', timeout=4)"]
ENTRYPOINT ["aws-user-exporter"]
CMD ["run", "--config.file=/etc/aws-user-exporter/config.yaml", "--store.path=/var/lib/aws-user-exporter/state", "--web.listen-address=:10821"]
