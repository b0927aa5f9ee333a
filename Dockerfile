# Alpine for its size. Nothing below depends on it: a Debian base works the same,
#   docker build --build-arg NODE_IMAGE=node:24-bookworm-slim .
ARG NODE_IMAGE=node:24-alpine3.23

# src/*.ts to dist/*.js, the dashboard, and the native relay. Where no C compiler is to be had, Node's streams carry the bytes.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
RUN command -v cc || apk add --no-cache gcc musl-dev \
  || { apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev; } || true
# Symbols for debuggers are a tenth of Node; what addons link to stays.
RUN cp "$(readlink -f "$(command -v node)")" /node && { strip /node || true; } && /node --version
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json tsconfig.types.json ./
COPY native/build.mjs native/
COPY native/relay native/relay
RUN node native/build.mjs && mkdir -p native/build
COPY scripts/build.ts scripts/stamp-build.ts scripts/sbom.ts scripts/production-lock.ts scripts/
COPY src src
COPY dashboard/build.mjs dashboard/
COPY dashboard/src dashboard/src
ARG AURELAY_BUILD=unknown
ARG SOURCE_DATE_EPOCH
RUN npm run build && npm run sbom && chmod 755 dist/cli.js

# What runs needs neither the compiler nor the demo's embedded servers, nor what packages bring along for people to read.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts
RUN find node_modules -type f ! -iname 'licen[cs]e*' \
  \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.md' \) -delete

# The base without package managers and headers: half of its packages, and most of what scanners find fault with.
FROM ${NODE_IMAGE} AS runtime
RUN rm -rf /usr/local/lib/node_modules /usr/local/include /usr/local/share/doc /usr/local/share/man /opt/yarn-* /tmp/* \
    /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn /usr/local/bin/yarnpkg \
    /usr/local/bin/docker-entrypoint.sh "$(readlink -f "$(command -v node)")" /usr/local/bin/node /usr/local/bin/nodejs
COPY --from=build /node /usr/local/bin/node

# What was removed from a base is still in its layers: so this image begins with none.
FROM scratch
ARG AURELAY_BUILD=unknown
ARG AURELAY_VERSION=0.1.0
LABEL org.opencontainers.image.title="Aurelay" \
      org.opencontainers.image.description="Cluster endpoints with automatic failover for PostgreSQL and MySQL" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${AURELAY_VERSION}" \
      org.opencontainers.image.revision="${AURELAY_BUILD}"
COPY --from=runtime / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NODE_ENV=production \
    AURELAY_HEALTH_URL=http://127.0.0.1:8080/livez
WORKDIR /app
# `node` is the base image's own user, uid 1000. A volume that is mounted here takes over the folder's owner.
RUN mkdir -p /etc/aurelay /var/lib/aurelay && chown 1000:1000 /var/lib/aurelay && ln -s /app/dist/cli.js /usr/local/bin/aurelay
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/native/build native/build
COPY --from=build /app/dashboard/build dashboard/build
COPY --from=build /app/sbom.cdx.json ./
COPY package.json LICENSE* ./

# A number, because Kubernetes' runAsNonRoot cannot see that a name is not root.
USER 1000:1000
VOLUME /var/lib/aurelay
EXPOSE 8080
STOPSIGNAL SIGTERM
# /livez: a cluster without a writer is no reason to restart the proxy that is about to find one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.AURELAY_HEALTH_URL).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/cli.js"]
CMD ["start", "-c", "/etc/aurelay/aurelay.yaml"]
