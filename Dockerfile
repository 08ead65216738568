# One file for all images: targets operator, gateway, bot, trainer.
#
# Build arguments
#   BASE_IMAGE   Debian or Ubuntu with Python 3.14 as `python3` and its venv module.
#   BASE_TAG     its tag with the digest, such as 3.14-slim@sha256:…; required, because the content behind a tag changes.
#                `python -m trainyard_images build` looks it up, or makes a base from the distribution's packages.
#   TORCH_FROM   distribution: the package python3-torch (small, CPU). index: the pins of TORCH_LOCK by pip (GPUs).
#   TORCH_LOCK   pins of torch with hashes. Another build of torch than pip's default one needs a lock from its index.
#   TORCH_INDEX  pip index with the files of TORCH_LOCK; empty is pip's own default.
# Secret (optional)
#   ca           CA bundle, for machines behind a proxy that inspects TLS; stays out of every layer.
#
# Layers from rare to frequent change: base, dependencies by their hashed pins, our code. A code change rebuilds the last.
ARG BASE_IMAGE=docker.io/library/python
ARG BASE_TAG=3.14-slim-needs-its-digest

FROM ${BASE_IMAGE}:${BASE_TAG} AS base
ENV PATH=/opt/trainyard/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/app \
    PYTHONUNBUFFERED=1
RUN echo 'trainyard:x:10001:10001:Trainyard:/tmp:/usr/sbin/nologin' >> /etc/passwd \
 && echo 'trainyard:x:10001:' >> /etc/group


FROM base AS operator-dependencies
COPY requirements/operator.lock /tmp/requirements.lock
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt,required=false \
    python3 -m venv /opt/trainyard \
 && pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock \
 && pip uninstall --yes --quiet pip

FROM base AS operator
COPY --from=operator-dependencies /opt/trainyard /opt/trainyard
# Supervisor, builder of environments, and what they take from the client: init containers of pods copy them.
COPY crds/src kube/src scheduler/src operator/src client/src supervisor/src environment/src /opt/app/
RUN python3 -m compileall -q /opt/app
USER 10001:10001
# For engines that are not Kubernetes, which has the chart's probes instead.
HEALTHCHECK --start-period=60s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/healthz', timeout=5)"]
ENTRYPOINT ["python3", "-m", "trainyard_operator"]


FROM base AS gateway-dependencies
COPY requirements/gateway.lock /tmp/requirements.lock
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt,required=false \
    python3 -m venv /opt/trainyard \
 && pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock \
 && pip uninstall --yes --quiet pip

FROM base AS gateway
COPY --from=gateway-dependencies /opt/trainyard /opt/trainyard
COPY crds/src data/src kube/src scheduler/src gateway/src /opt/app/
RUN python3 -m compileall -q /opt/app
USER 10001:10001
HEALTHCHECK --start-period=60s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/livez', timeout=5)"]
ENTRYPOINT ["python3", "-m", "trainyard_gateway"]


FROM base AS bot-dependencies
COPY requirements/telegram_bot.lock /tmp/requirements.lock
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt,required=false \
    python3 -m venv /opt/trainyard \
 && pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock \
 && pip uninstall --yes --quiet pip

FROM base AS bot
COPY --from=bot-dependencies /opt/trainyard /opt/trainyard
COPY crds/src client/src telegram_bot/src /opt/app/
RUN python3 -m compileall -q /opt/app
USER 10001:10001
ENTRYPOINT ["python3", "-m", "trainyard_bot"]


FROM base AS trainer-dependencies
ARG TORCH_FROM=index
ARG TORCH_INDEX=
ARG TORCH_LOCK=requirements/trainer-torch.lock
COPY requirements/trainer-image.lock /tmp/requirements.lock
COPY ${TORCH_LOCK} /tmp/torch.lock
RUN --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt,required=false \
    python3 -m venv --system-site-packages /opt/trainyard \
 && pip install --no-cache-dir --require-hashes --no-deps -r /tmp/requirements.lock \
 && if [ "${TORCH_FROM}" = index ]; then \
      pip install --no-cache-dir ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} --require-hashes --no-deps -r /tmp/torch.lock; \
    fi \
 && pip uninstall --yes --quiet pip

FROM base AS trainer
ARG TORCH_FROM=index
# The libraries that wheels may expect of any Linux (PEP 600, auditwheel's policies), and OpenMP's, which many of them
# expect, too. Nobody draws here: the software renderer below libGL, and its compiler, only fill disks.
RUN apt-get update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
      libx11-6 libxext6 libxrender1 libice6 libsm6 libgl1 libglib2.0-0 libexpat1 libgomp1 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale \
      /usr/lib/*/libgallium* /usr/lib/*/libLLVM* /usr/lib/llvm-*
# torchvision and torchaudio are those that the distribution compiled for its torch: wheels are not made for it.
# Its reference BLAS is some thirty times slower than this one. Its MPI brings AMD's compiler, which nothing here runs.
# Test programs and headers only fill disks, too.
RUN if [ "${TORCH_FROM}" = distribution ]; then \
      apt-get update -q \
   && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
        python3-torch python3-torchvision python3-torchaudio libopenblas0-pthread \
   && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /usr/share/doc /usr/share/man /usr/share/locale \
        /usr/lib/python3/dist-packages/torch/test /usr/lib/python3/dist-packages/torch/include /usr/lib/libtorch-test \
        /usr/lib/*/libamd_comgr* /usr/lib/*/libamdhip64* /usr/lib/*/libLLVM* /usr/lib/llvm-* \
   && find /usr/lib/python3/dist-packages/networkx /usr/lib/python3/dist-packages/sympy -type d -name tests \
        -exec rm -rf {} + \
   && cd /usr/lib/python3/dist-packages/torch/distributed \
   && sed -i 's/^\( *\)multi_tenant=True,$/\1multi_tenant=True, use_libuv=False,/' elastic/rendezvous/*.py \
   && sed -i 's/^\( *\)is_master=False,$/\1is_master=False, use_libuv=False,/' rendezvous.py \
   && test "$(grep -l use_libuv=False rendezvous.py elastic/rendezvous/*.py | wc -l)" = 4 \
   && python3 -m compileall -q /usr/lib/python3/dist-packages/torch /usr/lib/python3/dist-packages/torchvision \
        /usr/lib/python3/dist-packages/torchaudio \
   && python3 -c 'import torch, torchvision.ops, torchaudio'; \
    fi
COPY --from=trainer-dependencies /opt/trainyard /opt/trainyard
COPY crds/src data/src client/src trainer-image/src /opt/app/
RUN python3 -m compileall -q /opt/app
# Workers meet through libuv by default, which the distribution's torch is built without. torchrun does not look at this
# variable in four places, which are changed above.
ENV USE_LIBUV=0
USER 10001:10001
WORKDIR /data/run
ENTRYPOINT ["python3", "-m", "trainyard_trainer"]
