# The bridge as an image: built without a compiler, run by nobody in particular, on a root that may be
# read-only. Any Debian with Python 3.11 or newer and its venv module will do as a base.
ARG BASE=docker.io/library/python:3.13-slim-bookworm

FROM ${BASE} AS build
RUN apt-get update -q && apt-get install -y -q --no-install-recommends binutils
COPY pyproject.toml constraints.txt README.md LICENSE /src/
COPY bridge /src/bridge
COPY migrations /src/migrations
RUN python3 -m venv /opt/bridge \
 && /opt/bridge/bin/pip install --no-cache-dir --no-compile -c /src/constraints.txt "/src[postgres]" \
 && /opt/bridge/bin/pip uninstall -q -y pip setuptools \
 && keep=$(cd /src/bridge/texts && ls *.po | sed 's/[.-].*//' | sort -u | paste -sd '|') \
 && find /opt/bridge -path '*/babel/locale-data/*.dat' -regextype posix-extended \
      ! -regex ".*/($keep)(_.*)?[.]dat" ! -name root.dat -delete \
 && find /opt/bridge -name '*.so*' -exec strip --strip-unneeded {} + \
 # Everything is compiled here, since nothing can be written later; of others only that is kept.
 && cd /opt/bridge/lib/python3*/site-packages \
 && python3 -m compileall -q -b -j 0 . \
 && find . -name '*.py' ! -path './bridge/*' -delete \
 && find . -path './bridge/*' -name '*.pyc' -delete \
 && python3 -m compileall -q -j 0 bridge

FROM ${BASE}
COPY --from=build /opt/bridge /opt/bridge
RUN install -d -o 65532 -g 65532 -m 0700 /data
ENV PATH=/opt/bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/data \
    DATABASE_URL=sqlite+aiosqlite:////data/bridge.db \
    BRIDGE_HEALTH_PORT=8080 \
    BRIDGE_HEALTH_HOST=0.0.0.0 \
    BRIDGE_DASHBOARD_HOST=0.0.0.0
WORKDIR /data
VOLUME /data
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["bridge", "health"]
ENTRYPOINT ["bridge"]
CMD ["run"]
