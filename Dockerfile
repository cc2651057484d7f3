# syntax=docker/dockerfile:1
# Built the same way as by `make build`; the result is Debian, one binary, and no root.
#
#   docker build -t hermes .
#   docker run -p 8787:8787 -v hermes:/data hermes
#
# The address inside the container is every address, since the container is the boundary; publish the port only where
# the outside may reach it, for example -p 127.0.0.1:8787:8787.

FROM rust:1.95-slim-bookworm AS build
RUN rustup target add wasm32-unknown-unknown \
 && apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The caches belong to the builder, so that a changed line does not compile every dependency again. The result is
# copied out of them by the build itself, to target/bin.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/cache/target \
    CARGO_TARGET_DIR=/cache/target cargo xtask build

FROM debian:bookworm-slim
# ca-certificates: model providers and push services. git: worktrees of coding tasks. tini: it reaps what agents leave.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home hermes \
 && install --directory --owner=hermes --group=hermes --mode=0700 /data
COPY --from=build /src/target/bin/hermes /usr/local/bin/hermes
USER hermes
ENV HERMES_HOME=/data
VOLUME /data
EXPOSE 8787
ENTRYPOINT ["tini", "--", "hermes"]
# Inside a container the address says nothing about who can reach it: publish the port on 127.0.0.1 only.
CMD ["serve", "--addr", "0.0.0.0:8787", "--allow-non-loopback"]
