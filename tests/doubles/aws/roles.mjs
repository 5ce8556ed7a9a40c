// Hands out credentials that end, as the ECS container endpoint and STS (AssumeRoleWithWebIdentity)
// do; the gates accept them until then.
import http from 'node:http';
import { randomBytes } from 'node:crypto';

export class Roles {
  // `shared.credentials`: a map of id -> {secret, token, expires}.
  constructor(shared) {
    this.shared = shared;
    this.lifetime_ms = 3600_000;
    this.containerToken = 'container-token';
    this.webIdentityToken = 'web-identity-token';
    this.issued = 0;
    this.failing = false;
    this.server = http.createServer((request, response) => this.serve(request, response));
  }

  listen(port) {
    return new Promise((resolve) => this.server.listen(port, '127.0.0.1', () => resolve(this.server.address().port)));
  }

  issue() {
    const id = `ASIADOUBLE${++this.issued}`;
    const given = { secret: randomBytes(20).toString('hex'), token: randomBytes(24).toString('base64'), expires: this.shared.now() + this.lifetime_ms };
    this.shared.credentials.set(id, given);
    return { id, ...given, expiration: new Date(given.expires).toISOString() };
  }

  serve(request, response) {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      if (this.failing) return response.writeHead(503).end();
      if (request.method === 'GET') return this.serveContainer(request, response);
      this.serveSts(new URLSearchParams(Buffer.concat(chunks).toString()), response);
    });
  }

  serveContainer(request, response) {
    if (request.headers.authorization !== this.containerToken) return response.writeHead(401).end();
    const { id, secret, token, expiration } = this.issue();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ RoleArn: 'arn:aws:iam::123456789012:role/task', AccessKeyId: id, SecretAccessKey: secret, Token: token, Expiration: expiration }));
  }

  serveSts(form, response) {
    const good = form.get('Action') === 'AssumeRoleWithWebIdentity' && form.get('Version') === '2011-06-15' && form.get('RoleArn') && form.get('RoleSessionName');
    if (!good || form.get('WebIdentityToken') !== this.webIdentityToken) {
      response.writeHead(400, { 'content-type': 'text/xml' });
      return response.end('<ErrorResponse><Error><Type>Sender</Type><Code>InvalidIdentityToken</Code><Message>No.</Message></Error></ErrorResponse>');
    }
    const { id, secret, token, expiration } = this.issue();
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(
      '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>' +
        `<SessionToken>${token}</SessionToken><SecretAccessKey>${secret}</SecretAccessKey><Expiration>${expiration}</Expiration><AccessKeyId>${id}</AccessKeyId>` +
        '</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>',
    );
  }
}
