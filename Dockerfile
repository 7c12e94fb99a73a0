# Two images for CPUs. docs/how-to/docker.md says how to build and run them:
#
#   make dist
#   docker build --target serve --tag streetseg-serve .
#   docker build --target train --tag streetseg-train .

# The Python that the pinned packages were frozen with.
ARG PYTHON=3.11-slim-bookworm

# What both images have: Python and a user without rights.
FROM python:${PYTHON} AS base
LABEL org.opencontainers.image.title="streetseg" \
      org.opencontainers.image.source="https://github.com/streetseg/streetseg" \
      org.opencontainers.image.documentation="https://github.com/streetseg/streetseg/blob/main/docs/how-to/docker.md" \
      org.opencontainers.image.licenses="Apache-2.0"
# The number is what `USER` names: Kubernetes checks runAsNonRoot by it. Any user may write to the cache.
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin streetseg \
    && install --directory --mode 1777 /cache
ENV PATH=/opt/streetseg/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    XDG_CACHE_HOME=/cache

# uv, the wheel and the pins: what the packages are installed with, in no image.
FROM base AS installer
ENV UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1 \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.9 && uv venv /opt/streetseg
ENV VIRTUAL_ENV=/opt/streetseg
COPY constraints.txt dist/*.whl /build/

FROM installer AS install-train
# cpu: PyTorch's own build without CUDA, a sixth of the size. Others: cu130, xpu, auto, as uv names them.
ARG TORCH_BACKEND=cpu
RUN uv pip install --torch-backend "${TORCH_BACKEND}" --constraint /build/constraints.txt \
    "streetseg[train,export] @ file://$(echo /build/*.whl)"

FROM installer AS install-serve
RUN uv pip install --constraint /build/constraints.txt "streetseg[serve] @ file://$(echo /build/*.whl)"

# Trains, evaluates and exports, in a folder that is mounted at /work.
FROM base AS train
LABEL org.opencontainers.image.description="streetseg trains, evaluates and exports segmentation networks"
COPY --from=install-train /opt/streetseg /opt/streetseg
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["streetseg"]
CMD ["--help"]

# Serves exported models from a folder that is mounted at /models. There is no torch in it.
FROM base AS serve
LABEL org.opencontainers.image.description="streetseg serves exported segmentation networks"
COPY --from=install-serve /opt/streetseg /opt/streetseg
WORKDIR /models
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD \
    ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=9)"]
# The address is one that other machines reach, so the server starts with STREETSEG_TOKEN alone.
ENTRYPOINT ["streetseg"]
CMD ["serve", "street.onnx", "--host", "0.0.0.0"]
