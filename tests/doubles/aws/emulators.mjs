// The emulators behind the gate, each on a free port of the loopback. None of them checks signatures.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const host = '127.0.0.1';

const starters = {
  async sqs() {
    const { buildApp } = await import('fauxqs');
    const app = buildApp({ logger: false });
    await app.listen({ port: 0, host });
    return app.server.address().port;
  },
  // Stricter about errors, but wrong about FIFO groups in flight.
  async sqs2() {
    const { createSqsServer } = await import('local-aws-sqs');
    const server = await createSqsServer({ port: 0, hostname: host, emulateQueueCreationLifecycle: false });
    return server.address().port;
  },
  async ses() {
    const module = require('aws-ses-v2-local');
    const server = await (module.default ?? module)({ host, port: 0 });
    return server.address().port;
  },
};

export const emulated = Object.keys(starters);
export const startEmulator = (name) => starters[name]();
