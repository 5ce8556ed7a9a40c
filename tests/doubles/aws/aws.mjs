// The doubles of AWS in one process.
//   node aws.mjs sqs[:PORT] sqs2[:PORT] ses[:PORT] [roles[:PORT]] [admin[:PORT]]     (port 0 or none: a free one)
// prints one line when all listen: "listening sqs=http://127.0.0.1:4101 ... admin=http://127.0.0.1:4102";
// ends when its standard input closes, so that it never outlives the test that started it.
//
// The admin endpoint, JSON in and out:
//   POST /queues      {service?, name, attributes?}   makes a queue, answers {url}; attributes as AWS names them
//   POST /faults      {service, kind, action?, times?, ...}   kind: forbidden | expired_token | throttled | too_many |
//                     unavailable | expired (skew_ms) | answer (status, code) | garbage | hold | cut_before | cut_after |
//                     partial (entries, code, sender_fault); times: default 1, -1 until DELETE /faults
//   DELETE /faults
//   POST /clock       {offset_ms}                     the time of all services
//   POST /credentials {id, secret, token?, lifetime_ms?}      DELETE /credentials {id}
//   POST /roles       {lifetime_ms?, failing?}
//   POST /ses         {identities?, account?}
//   POST /stop        {service}   refuses connections and cuts those that are there      POST /start {service}
//   POST /sqs         {service?, action, body}        straight to the emulator, unsigned
//   GET /state        what each gate accepted and refused
//   GET /mails        what SES took, as its emulator read it   GET /raw-mails   [{from, to, raw, at}], as it came
import http from 'node:http';
import { emulated, startEmulator } from './emulators.mjs';
import { Gate } from './gate.mjs';
import { Roles } from './roles.mjs';

const shared = {
  offset_ms: 0,
  credentials: new Map([['AKIDWAYBILL', { secret: 'a-secret-that-only-tests-know' }]]),
  now: () => Date.now() + shared.offset_ms,
  known: (id) => shared.credentials.get(id),
};
const gates = new Map();
const emulatorPorts = new Map();
const roles = new Roles(shared);

async function atEmulator(name, path, init) {
  const answer = await new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: emulatorPorts.get(name), path, ...init }, resolve);
    request.on('error', reject);
    request.end(init.body);
  });
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) };
}

async function callSqs(service, action, body, region = 'us-east-1') {
  const headers = {
    host: `127.0.0.1:${gates.get(service).port}`,
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `AmazonSQS.${action}`,
    authorization: `AWS4-HMAC-SHA256 Credential=AKIDWAYBILL/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
  };
  const { status, json } = await atEmulator(service, '/', { method: 'POST', headers, body: JSON.stringify(body) });
  if (status !== 200) throw new Error(JSON.stringify(json));
  return json;
}

const admin = {
  async 'POST /queues'({ service = 'sqs', name, attributes = {}, region }) {
    const Attributes = name.endsWith('.fifo') ? { FifoQueue: 'true', ...attributes } : attributes;
    return { url: (await callSqs(service, 'CreateQueue', { QueueName: name, Attributes }, region)).QueueUrl };
  },
  'POST /stop': ({ service }) => gates.get(service).close(),
  'POST /start': async ({ service }) => void (await gates.get(service).listen(gates.get(service).port)),
  'POST /sqs': ({ service = 'sqs', action, body }) => callSqs(service, action, body),
  'POST /faults': ({ service = 'sqs', times = 1, ...fault }) => void gates.get(service).faults.push({ times, ...fault }),
  'DELETE /faults': () => void gates.forEach((gate) => (gate.faults = [])),
  'POST /clock': ({ offset_ms }) => void (shared.offset_ms = offset_ms),
  'POST /credentials': ({ id, secret, token, lifetime_ms }) => void shared.credentials.set(id, { secret, token, expires: lifetime_ms && shared.now() + lifetime_ms }),
  'DELETE /credentials': ({ id }) => void shared.credentials.delete(id),
  'POST /roles': (given) => void Object.assign(roles, given),
  'POST /ses': (given) => void Object.assign(gates.get('ses'), given),
  'GET /state': () => ({ issued: roles.issued, ...Object.fromEntries([...gates].map(([name, gate]) => [name, gate.seen])) }),
  'GET /raw-mails': () => gates.get('ses').mails,
  'GET /mails': async () => (await atEmulator('ses', '/store', { method: 'GET' })).json.emails,
};

async function serveAdmin(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const handler = admin[`${request.method} ${request.url}`];
  const answer = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value ?? {}));
  if (!handler) return answer(404, { error: 'no such command' });
  try {
    answer(200, await handler(chunks.length ? JSON.parse(Buffer.concat(chunks).toString()) : {}));
  } catch (error) {
    answer(400, { error: String(error) });
  }
}

async function start(name, port) {
  if (name === 'roles') return roles.listen(port);
  if (name === 'admin') {
    const server = http.createServer(serveAdmin);
    return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server.address().port)));
  }
  if (!emulated.includes(name)) throw new Error(`no such double: ${name}`);
  emulatorPorts.set(name, await startEmulator(name));
  gates.set(name, new Gate(name, emulatorPorts.get(name), shared));
  return gates.get(name).listen(port);
}

process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
const wanted = process.argv.slice(2).map((argument) => argument.split(':'));
if (!wanted.some(([name]) => name === 'admin')) wanted.push(['admin', '0']);
const addresses = [];
for (const [name, port = '0'] of wanted) addresses.push(`${name}=http://127.0.0.1:${await start(name, Number(port))}`);
console.log(`listening ${addresses.join(' ')}`);
