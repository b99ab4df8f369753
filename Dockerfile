# Berth as a container: the host, the components of berth.toml, and their machine code, compiled ahead.
#
#   docker build -t todo-backend:latest .
#
# The same file serves amd64 and arm64, and old builders: nothing in it needs BuildKit.

FROM rust:1.95.0-slim-trixie AS rust
# The images of the stages can be found by it, and removed: `docker image prune --filter label=berth.stage=build`.
LABEL berth.stage=build
RUN rustup target add wasm32-wasip2
ENV CARGO_TARGET_DIR=/target

# The workspace as cargo sees it before it opens a source: every manifest, and empty programs and libraries.
# What is copied from here stays the same, and its layers are reused, until a manifest changes.
FROM rust AS manifests
WORKDIR /manifests
COPY . .
RUN find . -type f -not -name 'Cargo.*' -not -path './.cargo/*' -not -path './xtask/*' \
        -not -name lib.rs -not -name main.rs -not -path '*/src/bin/*.rs' -not -path '*/benches/*.rs' -delete \
    && find . -name '*.rs' -not -path './xtask/*' -exec sed -i -e '1s/.*/fn main() { }/' -e '2,$d' {} +

FROM rust AS build

# Dependencies, by the very command that builds the rest.
WORKDIR /manifests
COPY --from=manifests /manifests .
RUN cargo xtask build

# Every source is newer than what was built of its empty namesake, whatever its date: cargo goes by that alone.
WORKDIR /berth
COPY . .
# The commit, for `berth --version`.
ARG REVISION=unknown
RUN find . -name '*.rs' -exec touch {} + && BERTH_COMMIT="${REVISION}" cargo xtask build

# The image's files, laid out as they will be. `berth check` compiles the components into the code cache, where nobody
# but root may write afterwards: what lies there is run as machine code.
WORKDIR /image/opt/berth
RUN install -D --target-directory=/image/usr/local/bin /target/release/berth \
    && install -D --mode=644 --target-directory=components /berth/components/*.wasm \
    && cp -r /berth/components/web components/ \
    && install --mode=644 /berth/berth.toml . \
    && BERTH_DATA_DIR=. /image/usr/local/bin/berth check \
    && chmod -R a+rX . \
    && mkdir /data

# Little more than the C library and the certificates of public authorities: no shell, no package manager.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build --chown=65532:65532 /data /var/lib/berth
COPY --from=build /image /
WORKDIR /opt/berth
ENV BERTH_DATA_DIR=/var/lib/berth \
    BERTH_CODE_CACHE=/opt/berth/cache
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s --retries=3 CMD ["berth", "healthcheck"]
ENTRYPOINT ["berth"]
CMD ["serve"]

ARG VERSION=development
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Berth" \
      org.opencontainers.image.description="A serverless-style host for WebAssembly components, with a todo API" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="gcr.io/distroless/cc-debian13:nonroot"
