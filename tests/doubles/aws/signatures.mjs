// Verifies AWS Signature Version 4 with two signers that know nothing of each other, as the services
// do: only what the client says it signed counts.
import { createRequire } from 'node:module';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '@aws-crypto/sha256-js';

const aws4 = createRequire(import.meta.url)('aws4');
const skewMax = 15 * 60 * 1000;

const refusal = (status, code, message) => ({ status, code, message });

function parseAuthorization(text) {
  const found =
    /^AWS4-HMAC-SHA256 Credential=([^/ ,]+)\/(\d{8})\/([^/ ,]+)\/([^/ ,]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      text ?? '',
    );
  if (!found) return null;
  const [, id, day, region, service, signed, signature] = found;
  return { id, day, region, service, signed: signed.split(';'), signature };
}

function parseAmzDate(text) {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text ?? '');
  return found ? Date.UTC(found[1], found[2] - 1, found[3], found[4], found[5], found[6]) : NaN;
}

async function signBySmithy(request, claim, headers, credentials, date) {
  const url = new URL(request.url, 'http://gate');
  const query = {};
  for (const [key, value] of url.searchParams) (query[key] ??= []).push(value);
  const signer = new SignatureV4({
    credentials: { accessKeyId: claim.id, secretAccessKey: credentials.secret, sessionToken: credentials.token },
    region: claim.region, service: claim.service, sha256: Sha256, applyChecksum: false, uriEscapePath: true,
  });
  const signed = await signer.sign(
    { method: request.method, protocol: 'http:', hostname: headers.host, path: url.pathname, query, headers, body: request.body },
    { signingDate: new Date(date), signableHeaders: new Set(claim.signed) },
  );
  return signed.headers.authorization;
}

function signByAws4(request, claim, headers, credentials) {
  const signer = new aws4.RequestSigner(
    { method: request.method, path: request.url, host: headers.host, service: claim.service, region: claim.region, headers, body: request.body },
    { accessKeyId: claim.id, secretAccessKey: credentials.secret, sessionToken: credentials.token },
  );
  signer.prepareRequest();
  for (const name of Object.keys(signer.request.headers)) {  // it adds some of its own
    if (!claim.signed.includes(name.toLowerCase())) delete signer.request.headers[name];
  }
  return signer.authHeader();
}

// null when both signers would have signed the same; else what the service answers.
// `known(id)` gives {secret, token, expires} or nothing; `now` is the service's time in ms.
export async function verify(request, service, known, now) {
  const claim = parseAuthorization(request.headers.authorization);
  if (!claim) return refusal(403, 'MissingAuthenticationToken', 'Missing Authentication Token');
  const date = parseAmzDate(request.headers['x-amz-date']);
  if (!claim.signed.includes('host') || !claim.signed.includes('x-amz-date') || Number.isNaN(date)) {
    return refusal(403, 'IncompleteSignature', 'host and x-amz-date must be signed');
  }
  if (claim.service !== service) return refusal(403, 'InvalidSignatureException', `Credential should be scoped to correct service: '${service}'.`);
  if (!request.headers['x-amz-date'].startsWith(claim.day)) return refusal(403, 'InvalidSignatureException', 'Date in Credential scope does not match');
  if (Math.abs(date - now) > skewMax) return refusal(403, 'InvalidSignatureException', 'Signature expired or not yet current');
  const credentials = known(claim.id);
  if (!credentials) return refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  if (credentials.expires && credentials.expires <= now) return refusal(403, 'ExpiredTokenException', 'The security token included in the request is expired');
  if (credentials.token !== request.headers['x-amz-security-token']) return refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid.');
  if (credentials.token && !claim.signed.includes('x-amz-security-token')) return refusal(403, 'InvalidSignatureException', 'x-amz-security-token must be signed');

  const headers = {};
  for (const name of claim.signed) {
    if (request.headers[name] === undefined) return refusal(403, 'InvalidSignatureException', `signed header ${name} was not sent`);
    headers[name] = request.headers[name];
  }
  const answers = {
    smithy: await signBySmithy(request, claim, headers, credentials, date),
    aws4: signByAws4(request, claim, headers, credentials),
  };
  const wrong = Object.keys(answers).filter((name) => !answers[name].endsWith(`Signature=${claim.signature}`));
  return wrong.length ? refusal(403, 'InvalidSignatureException', `The signature does not match (${wrong.join(', ')}).`) : null;
}
