// Stands in front of one emulator: refuses what is not signed as AWS wants it, and fails on command.
import http from 'node:http';
import { verify } from './signatures.mjs';

const jsonError = (service, status, code, message, headers = {}) => ({
  status,
  headers: {
    'content-type': service === 'ses' ? 'application/json' : 'application/x-amz-json-1.0',
    ...(service === 'ses' ? { 'x-amzn-errortype': code } : { 'x-amzn-query-error': `${code};${status < 500 ? 'Sender' : 'Receiver'}` }),
    ...headers,
  },
  body: JSON.stringify(service === 'ses' ? { message } : { __type: `com.amazon.coral.service#${code}`, message }),
});

// What a fault answers; null for those that are not answers.
function faultAnswer(service, fault, now) {
  const throttled = service === 'ses' ? [429, 'TooManyRequestsException', 'Maximum sending rate exceeded.'] : [400, 'RequestThrottled', 'Request is throttled.'];
  switch (fault.kind) {
    case 'forbidden': return jsonError(service, 403, 'AccessDeniedException', 'User is not authorized to perform this action.');
    case 'expired_token': return jsonError(service, 403, 'ExpiredTokenException', 'The security token included in the request is expired');
    case 'throttled': return jsonError(service, ...throttled);
    case 'too_many': return jsonError(service, 429, 'TooManyRequestsException', 'Too many requests.');
    case 'unavailable': return jsonError(service, 503, 'ServiceUnavailable', 'The service is unavailable.');
    case 'expired': return jsonError(service, 400, 'RequestExpired', 'Request has expired.', { date: new Date(now + (fault.skew_ms ?? 0)).toUTCString() });
    case 'answer': return jsonError(service, fault.status, fault.code, fault.message ?? 'As the test says.');
    case 'garbage': return { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>not what you asked for</html>' };
    default: return null;
  }
}

const readBody = (stream) =>
  new Promise((resolve, reject) => {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
  });

export class Gate {
  // `shared`: {now(), known(id)} of all gates of the process.
  constructor(name, emulatorPort, shared) {
    this.service = name === 'ses' ? 'ses' : 'sqs';
    this.waitsHere = name === 'sqs2';
    this.emulatorPort = emulatorPort;
    this.shared = shared;
    this.agent = new http.Agent({ keepAlive: true });
    this.faults = [];
    this.identities = null;  // null: every sender is verified
    this.account = { ProductionAccessEnabled: true, SendingEnabled: true, EnforcementStatus: 'HEALTHY', SendQuota: { Max24HourSend: 50000, MaxSendRate: 14, SentLast24Hours: 0 } };
    this.mails = [];  // as they came: the emulator keeps no header
    this.seen = { accepted: 0, refused: 0, connections: 0, actions: {}, refusals: [] };
    this.server = http.createServer((request, response) => this.serve(request, response).catch(() => request.socket.destroy()));
    this.server.on('connection', () => this.seen.connections++);
    this.server.keepAliveTimeout = 60_000;
  }

  listen(port) {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => resolve((this.port = this.server.address().port)));
    });
  }

  // Listens again on the same port when it is told to.
  close() {
    this.server.close();
    this.server.closeAllConnections();
  }

  actionOf(request) {
    const target = request.headers['x-amz-target'];
    return target ? target.replace('AmazonSQS.', '') : `${request.method} ${request.url}`;
  }

  takeFault(action) {
    const fault = this.faults.find((f) => f.times !== 0 && (!f.action || f.action === action));
    if (fault && fault.times > 0) fault.times--;
    return fault;
  }

  answer(response, { status, headers, body }) {
    response.writeHead(status, { date: new Date(this.shared.now()).toUTCString(), ...headers, 'content-length': Buffer.byteLength(body) });
    response.end(body);
  }

  async serve(request, response) {
    const body = await readBody(request);
    const action = this.actionOf(request);
    this.seen.actions[action] = (this.seen.actions[action] ?? 0) + 1;
    const fault = this.takeFault(action);
    if (fault?.kind === 'hold') return;
    if (fault?.kind === 'cut_before') return request.socket.destroy();
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms));
    const scripted = fault && faultAnswer(this.service, fault, this.shared.now());
    if (scripted) return this.answer(response, scripted);

    const { method, url, headers } = request;
    const refused = await verify({ method, url, headers, body }, this.service, this.shared.known, this.shared.now());
    if (refused) {
      this.seen.refused++;
      if (this.seen.refusals.length < 100) this.seen.refusals.push(`${action}: ${refused.message}`);
      return this.answer(response, jsonError(this.service, refused.status, refused.code, refused.message));
    }
    this.seen.accepted++;
    const own = this.service === 'ses' && this.answerForSes(action, body);
    if (own) return this.answer(response, own);
    const answered = await this.onward(request, action, body, fault);
    if (this.service === 'ses' && answered.status === 200) this.keepMail(action, body);
    if (fault?.kind === 'cut_after') return request.socket.destroy();
    if (fault?.kind === 'hold_after') return;
    this.answer(response, answered);
  }

  keepMail(action, body) {
    if (!action.startsWith('POST /v2/email/outbound-emails')) return;
    const { FromEmailAddress, Destination, Content } = JSON.parse(body);
    const raw = Content?.Raw?.Data && Buffer.from(Content.Raw.Data, 'base64').toString();
    this.mails.push({ from: FromEmailAddress, to: Destination?.ToAddresses, raw, at: this.shared.now() });
  }

  // What the emulator of SES does not know.
  answerForSes(action, body) {
    const json = (value) => ({ status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
    if (action === 'GET /v2/email/account') return json(this.account);
    const asked = /^GET \/v2\/email\/identities\/(.+)$/.exec(action);
    if (asked) {
      const identity = decodeURIComponent(asked[1]);
      if (this.identities && !(identity in this.identities)) return jsonError('ses', 404, 'NotFoundException', 'Email identity does not exist.');
      return json({ IdentityType: identity.includes('@') ? 'EMAIL_ADDRESS' : 'DOMAIN', VerifiedForSendingStatus: this.identities?.[identity] ?? true });
    }
    if (this.identities && action.startsWith('POST /v2/email/outbound')) {
      const from = JSON.parse(body).FromEmailAddress ?? '';
      if (!this.identities[from] && !this.identities[from.split('@').pop()]) return jsonError('ses', 400, 'MessageRejected', 'Email address is not verified.');
    }
    return null;
  }

  onward(request, action, body, fault) {
    if (fault?.kind === 'partial') return this.forwardPart(request, body, fault);
    if (this.waitsHere && action === 'ReceiveMessage') return this.forwardPoll(request, body);
    return this.forward(request, body);
  }

  // local-aws-sqs waits to the end although messages have come, and gives each several times.
  async forwardPoll(request, body) {
    const { WaitTimeSeconds = 0, ...poll } = JSON.parse(body);
    const deadline = Date.now() + WaitTimeSeconds * 1000;
    for (;;) {
      const answered = await this.forward(request, Buffer.from(JSON.stringify(poll)));
      if (answered.body.length > 0 || Date.now() >= deadline || request.socket.destroyed) return answered;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  forward(request, body) {
    return new Promise((resolve, reject) => {
      const headers = { ...request.headers, 'content-length': body.length };
      const onward = http.request({ host: '127.0.0.1', port: this.emulatorPort, method: request.method, path: request.url, headers, agent: this.agent }, async (answer) => {
        const kept = { ...answer.headers };
        for (const name of ['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date']) delete kept[name];
        resolve({ status: answer.statusCode, headers: kept, body: await readBody(answer) });
      });
      onward.on('error', reject);
      onward.end(body);
    });
  }

  // The first `entries` of a batch fail, the rest goes on.
  async forwardPart(request, body, fault) {
    const batch = JSON.parse(body);
    const failed = batch.Entries.splice(0, fault.entries ?? 1);
    const Failed = failed.map(({ Id }) => ({ Id, Code: fault.code ?? 'InternalError', SenderFault: fault.sender_fault ?? false, Message: 'As the test says.' }));
    if (!batch.Entries.length) return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify({ Successful: [], Failed }) };
    const answered = await this.forward(request, Buffer.from(JSON.stringify(batch)));
    const parsed = JSON.parse(answered.body);
    parsed.Failed = [...(parsed.Failed ?? []), ...Failed];
    return { ...answered, body: JSON.stringify(parsed) };
  }
}
