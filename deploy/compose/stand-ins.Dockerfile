# Emulators of SQS and SES for a machine without AWS, at the versions that the tests run.
FROM node:20.19-bookworm-slim
WORKDIR /stand-ins
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
USER node
