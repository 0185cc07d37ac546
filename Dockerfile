# syntax=docker/dockerfile:1
# Two images: `upgrade` (worker and command line) and `simulator` (for trying it out).

FROM rust:1.95-slim-bookworm AS build
ENV SQLX_OFFLINE=true CARGO_TERM_COLOR=never
WORKDIR /src
COPY . .

# The cache mounts keep crates and what was compiled from them; only the results go into a layer.
FROM build AS build-upgrade
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p worker -p producer \
    && install -D --target-directory=/out target/release/tpvm-worker target/release/tpvm-upgrade

FROM build AS build-simulator
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p simulator \
    && install -D --target-directory=/out target/release/tpvm-simulator

FROM debian:bookworm-slim AS base
# The version of the list of public CAs is the distribution's to choose.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tpvm \
    && install -d -o 10001 -g 10001 /devices
USER 10001

FROM base AS simulator
COPY --from=build-simulator /out/ /usr/local/bin/
ENTRYPOINT ["tpvm-simulator"]

FROM base AS upgrade
COPY --from=build-upgrade /out/ /usr/local/bin/
ENTRYPOINT ["tpvm-worker"]
