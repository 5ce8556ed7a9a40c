# The image holds the stripped program and its shared libraries, and nothing else:
#   docker build -t waybill .
#   docker run --read-only -p 8080:8080 -v waybill:/data waybill

# Debian 12, not one of its points: what is compiled against and shipped comes from its archive either way, at the
# versions of the day of the build (they are named in /var/lib/dpkg/status.d), and a pinned point would hold back fixes.
ARG DEBIAN=debian:12-slim

FROM ${DEBIAN} AS build
WORKDIR /source
COPY script/bootstrap script/bootstrap
RUN apt-get update -q && apt-get upgrade -y -q && apt-get install -y -q --no-install-recommends ca-certificates && \
    script/bootstrap --packages release
COPY . .
RUN script/bootstrap release
RUN deploy/docker/image_root build/release/waybill /image
RUN mkdir /empty

FROM scratch
LABEL org.opencontainers.image.title="Waybill" \
      org.opencontainers.image.description="Order-processing backend of an online shop" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.base.name="scratch"
COPY --from=build /image /
COPY --from=build --chown=10001:10001 /empty /data
# libmongoc keeps counters for nobody in shared memory, and complains on standard error where there is none.
ENV WAYBILL_LISTEN=0.0.0.0:8080 WAYBILL_DATA_DIR=/data SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    MONGOC_DISABLE_SHM=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/usr/bin/waybill", "healthcheck"]
ENTRYPOINT ["/usr/bin/waybill"]
CMD ["serve"]
